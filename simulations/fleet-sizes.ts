/** One order to fleets of growing size: how long until every endpoint holds every outcome, and what each node had to send. */
import { createSignatureMemory } from './signature-memory.ts'
import { oneOrder, oneOrderAtMs } from './scenario.ts'
import { runSimulation } from './simulation.ts'
import type { Millis } from '../src/base/brand.ts'

const fleetSizes: readonly number[] = [10, 30, 100, 300, 1000, 3000, 10_000]

/** Ascending, the largest included. */
export const fleetSizesUpTo = (largest = 10_000): number[] => [...fleetSizes.filter((size) => size < largest), largest]

export interface FleetFigures {
  readonly nodes: number
  /** From the order until the queues of all endpoints held all outcomes. */
  readonly convergenceMs: Millis
  /** Sent in the whole run, connecting and enquiring included; by node. */
  readonly gossipPerNode: number
  readonly questionsPerNode: number
  readonly eventsPerSecond: number
  readonly violations: number
}

/** `stopwatch`: milliseconds of real time, from any beginning. */
export const measureFleet = async (nodes: number, stopwatch: () => number): Promise<FleetFigures> => {
  const startedAt = stopwatch()
  const { lastChangeMs, messages, events, violations } = await runSimulation({ scenario: oneOrder, seed: 1, nodes, checkSignature: createSignatureMemory() })
  return {
    nodes,
    convergenceMs: lastChangeMs - oneOrderAtMs,
    gossipPerNode: messages.gossip / nodes,
    questionsPerNode: (messages.ask + messages.answer + messages.end) / nodes,
    eventsPerSecond: Math.round((1000 * events) / (stopwatch() - startedAt)),
    violations: violations.length
  }
}

/** As rows of a Markdown table. */
export const describeFleets = (fleets: readonly FleetFigures[]): string =>
  [
    '| nodes | converged after | gossip messages per node | questions and answers per node | messages per node |',
    '|---|---|---|---|---|',
    ...fleets.map(({ nodes, convergenceMs, gossipPerNode, questionsPerNode }) =>
      `| ${nodes} | ${(convergenceMs / 1000).toFixed(1)} s | ${gossipPerNode.toFixed(1)} | ${questionsPerNode.toFixed(1)} | ${(gossipPerNode + questionsPerNode).toFixed(1)} |`)
  ].join('\n')
