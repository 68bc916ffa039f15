/** The audit of a log, beside the queues: of the same entries both make the same. */
import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { AuditThaws } from '../../src/api/audit-thaws.ts'
import { LogAudit, type Checked, type Said } from '../../src/api/log-audit.ts'
import { mergeFacts, type Fact } from '../../src/queue/fold.ts'
import { openHeldEntry } from '../../src/queue/intake.ts'
import { checkAtOnce } from '../node/endpoint-world.ts'
import { Author, bytesOf, madeAt, randomOf, receipts, World } from '../queue/world.ts'
import { drawIncarnation } from '../../src/base/random.ts'
import type { IndicationId } from '../../src/base/brand.ts'
import type { EntryBody } from '../../src/record/entry.ts'
import type { ExecutorState } from '../../src/record/statement.ts'
import type { Verified } from '../../src/record/record.ts'

/** Three branches of one log, each with words of its own on two orders. */
const branched = (partings: readonly [number, number]) => {
  const world = new World()
  const agent = world.agent('a')
  const orders = [world.order(), world.order()]
  const tell = (author: Author, state: ExecutorState, at: number): void => {
    const order = orders[at % 2]
    if (order !== undefined) author.say(receipts(world.statement(agent.node.executor, order.id, state, { at: madeAt + at })))
  }
  for (const at of [2, 3, 4, 5, 6]) tell(agent, at < 4 ? 'running' : 'succeeded', at)
  const others = partings.map((parting, index) => {
    const branch = agent.branch(parting)
    for (let at = parting + 1; at <= 6; at += 1) tell(branch, index === 0 ? 'failed' : 'interrupted', at + 10)
    return branch
  })
  const judge = new Author(world.mesh, world.mesh.admin, drawIncarnation(randomOf('second life of the admin')))
  return { world, agent, branches: [agent, ...others], judge, orders: orders.map(({ id }) => id) }
}

const auditOf = async (world: World, log: Author, entries: readonly Verified<EntryBody>[], words: readonly Verified<EntryBody>[]): Promise<Said[]> => {
  const thaws = new AuditThaws(world.mesh.chain)
  await thaws.noteEntries(words)
  const place = { author: log.key, incarnation: log.incarnation }
  const audit = new LogAudit({ ...place, sequence: 1 }, { isAdmin: false, choices: thaws.choicesOf(place), claims: [] })
  const told: Said[] = []
  for (const sequence of new Set(entries.map(({ body }) => body.sequence).sort((left, right) => left - right))) {
    const checked: Checked[] = []
    for (const entry of entries.filter(({ body }) => body.sequence === sequence)) {
      checked.push({ kind: 'sound', opened: await openHeldEntry({ chain: world.mesh.chain, checkSignature: checkAtOnce }, entry), checkpoint: null })
    }
    told.push(...audit.next(sequence, checked))
  }
  told.push(...audit.end())
  if (audit.findings.some(({ kind }) => kind !== 'fork')) throw new Error(`more than forks: ${JSON.stringify(audit.findings)}`)
  return told
}

test('whatever branches there are and whatever was thawed, the same receipts count as in the queues', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
      fc.array(fc.record({ sequence: fc.integer({ min: 1, max: 6 }), branch: fc.integer({ min: 0, max: 2 }), at: fc.integer({ min: 0, max: 2 }) }), { maxLength: 3 }),
      async (partings, choices) => {
        const { world, agent, branches, judge, orders } = branched(partings)
        for (const { sequence, branch, at } of choices) {
          const keep = branches[branch]?.entries[sequence - 1]
          if (keep !== undefined) world.thaw(agent, sequence, keep, madeAt + at, judge)
        }
        const entries = [...new Map(branches.flatMap((branch) => branch.entries.map((entry) => [entry.id, entry]))).values()]
        const queue = await world.queue({ checkSignature: checkAtOnce })
        for (let round = 0; round < 6; round += 1) await queue.merge(bytesOf(...world.admin.entries, ...judge.entries, ...entries), 'test')
        const facts = new Map<IndicationId, Fact>()
        for (const said of await auditOf(world, agent, entries, judge.entries)) if (said.kind === 'receipt') facts.set(said.indication, mergeFacts(facts.get(said.indication), said.fact))
        for (const id of orders) {
          const [row] = await queue.rowsOf(id)
          const told = facts.get(id)
          if ((told?.state ?? 'queued') !== row?.state || (told !== undefined && told.at !== row.at)) throw new Error(`the audit says ${told?.state} at ${told?.at}, the queue ${row?.state} at ${row?.at}`)
        }
      }
    ),
    { numRuns: 200 }
  )
  t.pass()
})
