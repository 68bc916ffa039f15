/**
 * A process that writes to a store until writes fail, tells its parent, and goes on until fifty in a row were taken; then
 * it says, as JSON, what of the acknowledged writes is missing and what of the refused ones is there, before and after
 * the store is opened anew. `node full-disk-program.ts DIRECTORY`, with an IPC channel.
 */
import { setTimeout } from 'node:timers/promises'
import { toText, utf8 } from '../../src/base/bytes.ts'
import { isWritError } from '../../src/base/errors.ts'
import { put } from '../../src/base/key-value-store.ts'
import { LevelStore } from '../../src/base/level-store.ts'

const [directory = ''] = process.argv.slice(2)
const value = (seed: number): Uint8Array => Uint8Array.from({ length: 3000 }, (_, index) => (Math.imul(seed * 3000 + index + 1, 2_654_435_761) >>> 24) & 0xff)

const taken: number[] = []
const refused: number[] = []
let isReadable = true

/** Whether the write was taken. */
const attempt = async (store: LevelStore, number: number): Promise<boolean> => {
  try {
    await store.write([put(`a${number}`, value(number)), put(`b${number}`, value(number)), put('latest', utf8(String(number)))], { durable: number % 2 === 0 })
    taken.push(number)
    return true
  } catch (error) {
    if (!isWritError(error, 'store-write-failed')) throw error
    refused.push(number)
    isReadable &&= (await store.get('a1')) !== undefined
    if (refused.length === 3) process.send?.('full')
    await setTimeout(10)
    return false
  }
}

const look = async (store: LevelStore): Promise<{ missing: number; ghosts: number; latest: number }> => {
  const isThere = async (number: number): Promise<boolean> => (await store.getMany([`a${number}`, `b${number}`])).every((found) => found !== undefined)
  let missing = 0
  let ghosts = 0
  for (const number of taken) if (!(await isThere(number))) missing += 1
  for (const number of refused) if (await isThere(number)) ghosts += 1
  return { missing, ghosts, latest: Number(toText((await store.get('latest')) ?? utf8('0'))) - (taken.at(-1) ?? 0) }
}

const store = await LevelStore.open(directory)
for (let number = 1, inARow = 0; refused.length === 0 || inARow < 50; number += 1) inARow = (await attempt(store, number)) ? inARow + 1 : 0
const before = await look(store)
await store.close()
const again = await LevelStore.open(directory)
const after = await look(again)
await again.close()
process.stdout.write(JSON.stringify({ refused: refused.length > 0, isReadable, before, after }))
process.disconnect()
