/** The job `facts`: what orders may ask for, and what is so at this moment. */
import { freemem, loadavg, networkInterfaces, uptime } from 'node:os'
import { compareText } from '../../base/bytes.ts'
import { collectFacts } from '../system-facts.ts'
import type { Job } from './job.ts'

export const tellFacts: Job = async function* () {
  const addresses = Object.values(networkInterfaces()).flatMap((list = []) => list.filter(({ internal }) => !internal).map(({ address }) => address))
  yield { ...(await collectFacts()), addresses: addresses.sort(compareText), freeMemoryBytes: freemem(), load: loadavg(), uptimeSeconds: Math.floor(uptime()) }
}
