/** The systemd unit of a node. Pure. */

export interface Service {
  /** What starts the node in the foreground. */
  readonly command: readonly string[]
  readonly node: string
  readonly mesh: string
  /** How long running orders may go on at a stop. */
  readonly stopGraceMs: number
}

/** Beyond the grace: the agent keeps the last statements, and stores are closed. */
const stopMarginMs = 15_000

/** A word as systemd reads it: quoted, without specifiers and variables. */
const unitWord = (word: string): string => `"${word.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

/** `user` is null where the node runs as root. SIGTERM goes to the launcher alone, which lets running orders end; whatever is left is killed. */
export const renderUnit = ({ command, node, mesh, stopGraceMs }: Service, user: string | null): string =>
  [
    '[Unit]',
    `Description=Writ node ${node} of ${mesh}`,
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    'Type=exec',
    ...(user === null ? [] : [`User=${user}`]),
    `ExecStart=${command.map(unitWord).join(' ')}`,
    'Restart=always',
    'RestartSec=5',
    '# The home is missing, damaged, in use or was left: another start would end the same way.',
    'RestartPreventExitStatus=7',
    'KillMode=mixed',
    `TimeoutStopSec=${Math.ceil((stopGraceMs + stopMarginMs) / 1000)}`,
    'Delegate=yes',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    ''
  ].join('\n')
