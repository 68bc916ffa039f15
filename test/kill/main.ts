/** `npm run kill`. Exit codes: 0 when nothing was violated, 1 when something was, 2 for bad usage, 130 when interrupted. */
import { readOptions, usage } from './options.ts'
import { enterNamespace } from './small-disk.ts'
import { Suite, type Report } from './suite.ts'

const violationsShownMax = 20

const summarise = ({ seed, kills, orders, runs, skipped, violations, logs }: Report): string => {
  const refused = Object.entries(orders.refused).map(([code, count]) => `${count} ${code}`)
  return [
    `${kills} kills, ${orders.given} orders given${refused.length > 0 ? ` (and not taken: ${refused.join(', ')})` : ''}, ${runs} runs, ${violations.length} violations`,
    ...skipped,
    ...violations.slice(0, violationsShownMax).map((violation) => `  ${violation}`),
    ...(violations.length > violationsShownMax ? [`  and ${violations.length - violationsShownMax} more`] : []),
    ...(logs === null ? [] : [`the logs of the nodes are in ${logs}`, `the same plan again: npm run kill -- --kills ${kills} --seed ${seed}`])
  ].join('\n')
}

const main = async (args: readonly string[]): Promise<number> => {
  const options = readOptions(args)
  if (!options.ok) {
    process.stderr.write(`${options.detail}\n\n${usage}`)
    return 2
  }
  enterNamespace()
  const startedAt = performance.now()
  const secondsSoFar = (): number => Math.round((performance.now() - startedAt) / 1000)
  const say = (line: string): void => void process.stderr.write(`${String(secondsSoFar()).padStart(4)} s  ${line}\n`)
  say(`seed ${options.value.seed}`)
  const suite = new Suite(options.value, say)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void suite.close().finally(() => process.exit(130)))
  try {
    const report = await suite.run()
    process.stdout.write(`${options.value.json ? JSON.stringify({ ...report, seconds: secondsSoFar() }) : summarise(report)}\n`)
    return report.violations.length === 0 ? 0 : 1
  } finally {
    await suite.close()
  }
}

process.exit(await main(process.argv.slice(2)))
