import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { VerificationLine } from '../../src/queue/verification-line.ts'

/** Lets all go on that can. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

test('who comes later hands over later, however long the first takes', async (t) => {
  const line = new VerificationLine()
  const first = Promise.withResolvers<undefined>()
  const begun: number[] = []
  const runs = [1, 2].map((number) => line.run(1, async () => {
    begun.push(number)
    if (number === 1) await first.promise
  }))
  await settle()
  t.deepEqual(begun, [1])
  first.resolve(undefined)
  await Promise.all(runs)
  t.deepEqual(begun, [1, 2])
})

test('there is room again once enough has been verified, also where that failed', async (t) => {
  const line = new VerificationLine()
  const work = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  let handedOver = false
  const run = line.run(1, async () => {
    for (const { promise } of work) line.begin(limits.queue.verifiedAtOnce, promise)
    await line.room()
    handedOver = true
  })
  await settle()
  work[0]?.resolve(undefined)
  await settle()
  t.false(handedOver)
  work[1]?.reject(new Error('a broken pool'))
  await run
  t.true(handedOver)
})

test('a merge waits until most of what was begun before is applied, and a large one never for itself', async (t) => {
  const line = new VerificationLine()
  const count = limits.queue.mergedAheadMax * 2
  await line.run(count, () => line.room())
  let hasBegun = false
  const next = line.run(1, async () => {
    hasBegun = true
  })
  await settle()
  t.false(hasBegun)
  line.applied(count)
  await next
  t.true(hasBegun)
})

test('one that fails does not stop the next', async (t) => {
  const line = new VerificationLine()
  await t.throwsAsync(line.run(1, () => Promise.reject(new Error('a broken store'))), { message: 'a broken store' })
  line.applied(1)
  t.is(await line.run(1, () => Promise.resolve('next')), 'next')
})
