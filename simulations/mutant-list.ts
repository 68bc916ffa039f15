/**
 * Bugs that are planted on purpose, each an exact replacement in the source: what the checkers do not find they do not
 * check. docs/SIMULATION.md lists them.
 */
export interface Replacement {
  /** From the project's folder. */
  readonly file: string
  /** Occurs exactly once. */
  readonly from: string
  readonly to: string
}

export interface Mutant {
  readonly name: string
  readonly scenario: string
  /** One of these finds it. */
  readonly checkers: readonly string[]
  /** It is found under one of the seeds 1 to this. */
  readonly seedsMax: number
  readonly replacements: readonly Replacement[]
}

export const mutants: readonly Mutant[] = [
  {
    name: 'journal written after spawn',
    scenario: 'crash-storm',
    checkers: ['started-once'],
    seedsMax: 20,
    replacements: [
      {
        file: 'src/executor/job-machine.ts',
        from: "this.#effects.push({ kind: 'record-started', order, attempt: job.attempts, statement }, { kind: 'spawn', order })",
        to: "this.#effects.push({ kind: 'spawn', order }, { kind: 'record-started', order, attempt: job.attempts, statement })"
      }
    ]
  },
  {
    name: 'own log trimmed before acknowledgement',
    scenario: 'gossip-off',
    checkers: ['receipts-acknowledged', 'orders-end', 'no-receipt-lost'],
    seedsMax: 5,
    replacements: [{ file: 'src/queue/own-lives.ts', from: 'findLast((sequence) => sequence <= safe && sequence > first)', to: 'findLast((sequence) => sequence > first)' }]
  },
  {
    name: 'head not asked for after a restore',
    scenario: 'restored-backups',
    checkers: ['started-once', 'orders-end'],
    seedsMax: 30,
    replacements: [{ file: 'src/node/agent/own-head.ts', from: 'const count = this.#agreeing.size', to: 'const count = enough' }]
  },
  {
    name: 'fold that depends on order',
    scenario: 'restored-backups',
    checkers: ['fold', 'queues-converge', 'orders-end'],
    seedsMax: 20,
    replacements: [{ file: 'src/queue/fold.ts', from: 'if (difference !== 0) return difference > 0 ? left : right', to: 'if (difference !== 0) return right' }]
  },
  {
    name: 'gap skipped',
    scenario: 'lossy',
    checkers: ['digest', 'queues-converge', 'no-receipt-lost', 'orders-end', 'receipts-acknowledged'],
    seedsMax: 5,
    replacements: [{ file: 'src/queue/log.ts', from: "if (entry.sequence > next) return { kind: 'gap', from: next }", to: "if (entry.sequence > next) return { kind: 'append' }" }]
  },
  {
    name: 'expiry ignored',
    scenario: 'lossy',
    checkers: ['no-late-start'],
    seedsMax: 5,
    replacements: [
      { file: 'src/trust/order.ts', from: 'if (now > indication.expiresAt) return', to: 'if (now > Infinity) return' },
      { file: 'src/executor/job-machine.ts', from: 'if (now.wall > job.order.body.expiresAt) this', to: 'if (now.wall > Infinity) this' },
      { file: 'src/queue/order-views.ts', from: '|| now > body.expiresAt || now < body.notBefore ||', to: '|| now < body.notBefore ||' }
    ]
  },
  {
    name: "outcome accepted without the executor's signature",
    scenario: 'hostile-agent',
    checkers: ['receipts-true'],
    seedsMax: 10,
    replacements: [{ file: 'src/queue/gathering.ts', from: '} else if (receipt.statement.body.executor === executor) {', to: '} else if (executor !== null) {' }]
  },
  {
    name: 'rival charter kept by whoever had it first',
    scenario: 'partition-and-heal',
    checkers: ['charter-known'],
    seedsMax: 10,
    replacements: [{ file: 'src/trust/charter-chain.ts', from: "return parting !== -1 && compareText(left[parting]?.id ?? '', right[parting]?.id ?? '') < 0", to: 'return parting === Infinity' }]
  },
  {
    name: 'first choice between branches stays',
    scenario: 'equivocator',
    checkers: ['orders-end', 'queues-converge', 'digest', 'fold'],
    seedsMax: 20,
    replacements: [{ file: 'src/queue/thaw-table.ts', from: 'known === undefined || (thaw.body.at - known.body.at || compareText(thaw.id, known.id)) > 0', to: 'known === undefined || compareText(thaw.id, thaw.id) > 0' }]
  },
  {
    name: 'lost journal taken for a new one',
    scenario: 'crash-storm',
    checkers: ['started-once'],
    seedsMax: 30,
    replacements: [{ file: 'src/executor/job-machine.ts', from: 'return body.createdAt <= this.#lostBefore && !body.idempotent', to: 'return body.createdAt <= 0 && !body.idempotent' }]
  },
  {
    name: 'starts dropped from the own log forgotten',
    scenario: 'crash-storm',
    checkers: ['orders-end'],
    seedsMax: 40,
    replacements: [{ file: 'src/queue/own-starts.ts', from: 'if (!said.ended.has(id)) changes.push(put(startKey(id), bytes))', to: 'if (said.ended.has(id)) changes.push(put(startKey(id), bytes))' }]
  },
  {
    name: 'log that begins at a checkpoint refused',
    scenario: 'endpoint-churn',
    checkers: ['queues-converge', 'receipts-acknowledged', 'orders-end', 'orders-given', 'digest'],
    seedsMax: 30,
    replacements: [{ file: 'src/queue/sync.ts', from: '{ mayBeginAtCheckpoint: isTrimmed }', to: '{ mayBeginAtCheckpoint: isTrimmed && entries.length < 0 }' }]
  }
]
