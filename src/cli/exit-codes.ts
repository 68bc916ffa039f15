/**
 * What the exit code of a command says, and which error leads to which. The table here is the one that `--help` prints.
 */
import { isWritError } from '../base/errors.ts'

export const exitCodes = { succeeded: 0, internal: 1, usage: 2, notSucceeded: 3, noTarget: 4, unreachable: 5, refused: 6, home: 7, evidence: 8, interrupted: 130 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const meanings: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.succeeded, 'done; for an order: it succeeded on every node that it was for'],
  [exitCodes.internal, 'an unexpected error of Writ itself'],
  [exitCodes.usage, 'bad usage: nothing was sent'],
  [exitCodes.notSucceeded, 'the order ended, and not on every node with success'],
  [exitCodes.noTarget, 'nothing matches: no such node, no such order, or no such fork'],
  [exitCodes.unreachable, 'no endpoint could be reached'],
  [exitCodes.refused, 'refused: by the charter, an endpoint, or because of the token'],
  [exitCodes.home, 'the home is missing, damaged, in use, or cannot be written'],
  [exitCodes.evidence, 'an audit found evidence that was altered, is missing or was forged'],
  [exitCodes.interrupted, 'interrupted by Ctrl-C; the order goes on']
]

export const exitCodesText = (): string => ['Exit codes:', ...meanings.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`)].join('\n')

const errorCodes: readonly (readonly [ExitCode, readonly string[]])[] = [
  [
    exitCodes.usage,
    [
      'bad-usage', 'no-home', 'bad-duration', 'bad-pair', 'bad-selector', 'bad-pattern', 'script-unreadable', 'files-unreadable', 'files-changed', 'bad-tree', 'ambiguous-indication',
      'ambiguous-node', 'ambiguous-fork', 'bad-name', 'bad-address', 'file-exists', 'bad-order', 'bad-invite', 'too-many-targets'
    ]
  ],
  [exitCodes.noTarget, ['no-target', 'unknown-node', 'unknown-indication', 'unknown-fork', 'output-unavailable']],
  [
    exitCodes.unreachable,
    [
      'no-endpoint-reachable', 'no-endpoint-known', 'unreachable', 'not-connected', 'connection-lost', 'request-timeout',
      'protocol-unsupported'
    ]
  ],
  [
    exitCodes.refused,
    [
      // the order
      'not-authorised', 'not-an-admin', 'not-permitted', 'payload-too-large', 'bad-payload', 'payload-unavailable', 'payload-incomplete',
      'unknown-format', 'not-accepted', 'bad-validity', 'bad-location', 'expired', 'not-yet-valid',
      // the token or the name
      'bad-token', 'token-expired', 'token-used-up', 'token-uncounted', 'wrong-counter', 'name-taken', 'mesh-has-endpoint', 'root-key-missing', 'not-an-enroller', 'clock-skew',
      // who asks, or in whose name
      'wrong-mesh', 'wrong-type', 'charter-expired', 'charter-behind', 'charter-unknown', 'bad-charter', 'bad-credential',
      'credential-expired', 'bad-session', 'session-expired', 'not-admitted', 'not-an-endpoint', 'bad-proof', 'bad-signature',
      'malformed', 'oversized'
    ]
  ],
  [
    exitCodes.home,
    [
      'left', 'agent-user-unusable', 'home-exists', 'home-missing', 'home-symlink', 'home-foreign-owner', 'home-unreadable', 'home-unwritable', 'home-in-use',
      'wrong-home', 'file-missing', 'key-permissions', 'bad-config', 'bad-key-file', 'bad-charter-file', 'bad-credential-file',
      'store-locked', 'store-unusable', 'store-damaged', 'store-write-failed', 'admin-log-busy', 'blocks-unreadable', 'blocks-unusable',
      'blocks-unwritable', 'outputs-unusable', 'disk-full',
      'archive-damaged', 'archive-foreign', 'archive-unreadable'
    ]
  ],
  [exitCodes.interrupted, ['interrupted']]
]

const exitCodesByErrorCode: ReadonlyMap<string, ExitCode> = new Map(errorCodes.flatMap(([exitCode, codes]) => codes.map((code) => [code, exitCode] as const)))

/** Of anything thrown; what is not listed is unexpected. */
export const exitCodeOf = (error: unknown): ExitCode => (isWritError(error) ? exitCodesByErrorCode.get(error.code) : undefined) ?? exitCodes.internal
