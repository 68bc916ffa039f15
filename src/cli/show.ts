/**
 * `writ show`: an order with one line for each agent. With `--follow` it stays until the order has ended: redrawn in place
 * on a terminal, a line for each change elsewhere, a JSON line for each change with `--json`.
 */
import type { Command } from 'commander'
import type { Clock } from '../base/clock.ts'
import { WritError } from '../base/errors.ts'
import type { State } from '../queue/views.ts'
import type { Admin, OrderView } from '../api/types.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { orderViewJson } from './json-rows.ts'
import { createLiveBlock } from './live-block.ts'
import { agentLines, countsLine, hasSucceeded, headLine, renderOrder } from './order-summary.ts'
import { followOrder } from './interrupt.ts'
import type { Output, Terminal } from './terminal.ts'
import { painter, type Paint } from './text.ts'
import { homeOption, printJson, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface ShowOptions {
  readonly home: string
  readonly indication: string
  readonly follow: boolean
  readonly json: boolean
}

/** Draws one view after the other; `end` leaves the last one standing. */
interface Screen {
  draw(view: OrderView): Promise<void>
  end(view: OrderView): Promise<void>
}

export const show = ({ home, indication, follow, json }: ShowOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const { terminal } = deps
    const paint = painter(terminal.stdout.colours)
    if (follow) return followOnScreen(admin, indication, terminal, createScreen(deps, json, paint))
    const view = await admin.show(indication)
    await (json ? printJson(terminal, orderViewJson(view)) : terminal.stdout.write(renderOrder(view, paint, deps.clock.now())))
    return exitCodes.succeeded
  })

const followOnScreen = async (admin: Admin, indication: string, terminal: Terminal, screen: Screen): Promise<ExitCode> => {
  const { value: last, isInterrupted } = await followOrder(admin, indication, terminal, (view) => screen.draw(view))
  if (last !== null) await screen.end(last)
  if (isInterrupted) throw new WritError('interrupted', 'no longer following; the order goes on')
  return last !== null && hasSucceeded(last) ? exitCodes.succeeded : exitCodes.notSucceeded
}

const createScreen = ({ terminal, clock }: Pick<VerbDeps, 'terminal' | 'clock'>, json: boolean, paint: Paint): Screen => {
  if (json) return { draw: (view) => printJson(terminal, orderViewJson(view)), async end() {} }
  return terminal.stdout.isTerminal ? createLiveScreen(terminal.stdout, paint, clock) : createLineScreen(terminal.stdout, paint)
}

const createLiveScreen = (output: Output, paint: Paint, clock: Clock): Screen => {
  const block = createLiveBlock(output)
  return {
    draw: (view) => block.draw([headLine(view, paint), countsLine(view), ...agentLines(view.rows, paint)]),
    async end(view) {
      await block.clear()
      await output.write(renderOrder(view, paint, clock.now()))
    }
  }
}

const createLineScreen = (output: Output, paint: Paint): Screen => {
  const shown = new Map<string, State>()
  return {
    async draw(view) {
      const head = shown.size === 0 ? [headLine(view, paint)] : []
      const changed = view.rows.filter(({ agent, state }) => shown.get(agent) !== state)
      for (const { agent, state } of changed) shown.set(agent, state)
      await output.write([...head, ...agentLines(changed, paint)].map((line) => `${line}\n`).join(''))
    },
    end: (view) => output.write(`${countsLine(view)}\n`)
  }
}

interface ShowFlags extends HomeFlag {
  readonly follow?: true
  readonly json?: true
}

export const declareShow = (program: Command, perform: Perform): void => {
  program
    .command('show')
    .description('show an order, one line for each node')
    .argument('<indication>', 'id of the order, or the beginning of it')
    .addOption(homeOption('admin'))
    .option('--follow', 'stay until it has ended; the exit code is then that of `writ run`')
    .option('--json', 'print one JSON document; with --follow a JSON line for each change')
    .action((indication: string, flags: ShowFlags) =>
      perform((deps) => show({ home: requireHome(flags, deps), indication, follow: flags.follow ?? false, json: flags.json ?? false }, deps))
    )
}
