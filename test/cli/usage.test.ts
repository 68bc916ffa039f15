import test from 'ava'
import { transcript } from './transcript.ts'

const refused = test.macro({
  exec: async (t, args: readonly string[], stderr: string) => {
    const shown = await transcript(args)
    t.is(shown.stderr, `writ: ${stderr}\n`)
    t.is(shown.stdout, '')
    t.is(shown.exitCode, 2)
  },
  title: (_, args: readonly string[] = []) => `wrong usage: writ ${args.join(' ')}`
})

const home = ['--home', '/a']
test(refused, [], 'no command was given; see: writ --help [bad-usage]')
test(refused, ['lst'], "unknown command 'lst' (Did you mean list?); see: writ --help [bad-usage]")
test(refused, ['help', 'lst'], 'no command lst; see: writ --help [bad-usage]')
test(refused, ['nodes', '--jsn'], "unknown option '--jsn' (Did you mean --json?); see: writ nodes --help [bad-usage]")
test(refused, ['nodes', ...home, 'web1'], "too many arguments for 'nodes'. Expected 0 arguments but got 1; see: writ nodes --help [bad-usage]")
test(refused, ['nodes'], 'no home was given: pass --home DIR, or set WRIT_HOME [no-home]')
test(refused, ['start'], 'no home was given: pass --home DIR, or set WRIT_HOME [no-home]')
test(refused, ['show', ...home], "missing required argument 'indication'; see: writ show --help [bad-usage]")
test(refused, ['init', ...home], "required option '--mesh <name>' not specified; see: writ init --help [bad-usage]")
test(refused, ['invite', ...home], "required option '--role <role>' not specified; see: writ invite --help [bad-usage]")
test(refused, ['invite', ...home, '--role', 'boss'], "option '--role <role>' argument 'boss' is invalid. Allowed choices are agent, endpoint; see: writ invite --help [bad-usage]")
test(refused, ['invite', ...home, '--role', 'agent', '--uses', '0'], '--uses: "0" is no whole number from 1 to 10000 [bad-usage]')
test(refused, ['invite', ...home, '--role', 'agent', '--label', 'web'], '--label: "web" is not of the form key=value [bad-pair]')
test(refused, ['join', ...home], 'give the token that `writ invite` printed, or --admin DIR for the first endpoint of a mesh [bad-usage]')
test(refused, ['join', 'token', '--admin', '/b', ...home], 'give a token or --admin, not both [bad-usage]')
test(refused, ['list', ...home, '--since', 'yesterday'], '--since: "yesterday" is no duration; write a whole number and a unit, such as 500ms, 60s, 5m, 1h or 1d [bad-duration]')
test(
  refused,
  ['queue', ...home, '--status', 'done'],
  "option '--status <state>' argument 'done' is invalid. Allowed choices are queued, received, retrieving, validated, running, succeeded, failed, rejected, expired, cancelled, interrupted, skipped; see: writ queue --help [bad-usage]"
)
test(refused, ['run', ...home, '--', 'true'], 'no target: say where to run it, with --on SELECTOR, --nodes a,b or --all [bad-usage]')
test(refused, ['run', ...home, '--all'], 'nothing to run: give one of -- and a command, --script FILE, --files DIR, --package NAME, --collect-logs PATH, --facts, --leave, --format NAME [bad-usage]')
test(refused, ['run', ...home, '--all', '--script', 'a.sh', '--', 'true'], 'give one thing to run, not -- and a command and --script FILE [bad-usage]')
test(refused, ['run', ...home, '--all', '--to', '/etc/app', '--', 'true'], '--to goes with --files DIR only [bad-usage]')
test(refused, ['run', ...home, '--all', '--files', 'dir'], '--files: say with --to which directory they become [bad-usage]')
test(refused, ['run', ...home, '--all', '--files', 'dir', '--to', '/etc/../root'], '--files: to: a destination is an absolute path in its shortest form, and not / [bad-usage]')
test(refused, ['run', ...home, '--all', '--script', 'a.py', '--interpreter', './python'], '--script: interpreter: neither a name nor an absolute path [bad-usage]')
test(refused, ['run', ...home, '--all', '--requires', 'git>2', '--', 'true'], "--requires: \"git>2\" is neither a program, such as git, nor one with its least version, such as 'git>=2.30' [bad-usage]")
test(refused, ['run', ...home, '--all', '--requires-free', 'much', '--', 'true'], '--requires-free: "much" is no size; write a whole number of bytes, or with K, M, G or T, such as 500M or 2G [bad-usage]')
test(refused, ['run', ...home, '--all', '--requires-fact', 'debian', '--', 'true'], '--requires-fact: "debian" is not of the form NAME=VALUE, NAME!=VALUE or NAME>=VALUE [bad-usage]')
test(refused, ['run', ...home, '--all', '--package', 'nginx-'], '--package: packages: not all are packages, such as nginx or nginx=1.22.1-9 [bad-usage]')
test(refused, ['run', ...home, '--all', '--deb', 'a/x.deb', '--deb', 'b/x.deb'], '--deb: two files have one name [bad-usage]')
test(refused, ['run', ...home, '--all', '--collect-logs', 'var/log'], '--collect-logs: paths.0: no absolute path [bad-usage]')
test(refused, ['run', ...home, '--all', '--format', 'ansible'], 'a format of your own needs both --format NAME and --payload FILE [bad-usage]')
test(refused, ['run', ...home, '--all', '--format', 'script', '--payload', 'x'], '--format: script is built in; it has flags of its own [bad-usage]')
test(refused, ['run', ...home, '--all', '--facts', '--leave'], 'give one thing to run, not --facts and --leave [bad-usage]')
test(refused, ['run', ...home, '--all', '--memory', '1M', '--', 'true'], '--memory: 1M is too little for any program; at least 16.0 MiB are allowed [bad-usage]')
test(refused, ['run', ...home, '--all', '--processes', '0', '--', 'true'], '--processes: "0" is no whole number from 1 to 4194304 [bad-usage]')
test(refused, ['run', ...home, '--all', '--cpu', '50', '--', 'true'], '--cpu: "50" is no share of a processor; write it with a percent sign, such as 50% or, for two processors, 200% [bad-usage]')
test(refused, ['run', ...home, '--all', '--user', '33', '--', 'true'], '--user: "33" is no name of a user [bad-usage]')
test(refused, ['run', ...home, '--all', '--', ''], 'the command is empty [bad-usage]')
test(refused, ['run', ...home, '--all', '--nodes', 'a', '--', 'true'], 'the targets contradict each other: give one of --on, --nodes and --all [bad-usage]')
test(refused, ['run', ...home, '--on', '', '--', 'true'], '--on: an empty selector would mean every node; if that is what you want, say --all [bad-usage]')
test(refused, ['run', ...home, '--nodes', 'a,', '--', 'true'], '--nodes: "a," is no list of names; separate them by single commas, such as web1,web2 [bad-usage]')
test(refused, ['run', ...home, '--all', '--expect-output', '(', '--', 'true'], '--expect-output: "(" is no regular expression [bad-pattern]')
test(refused, ['run', ...home, '--all', '--expect-exit', '300', '--', 'true'], '--expect-exit: "300" is no whole number from 0 to 255 [bad-usage]')
test(refused, ['run', ...home, '--all', '--timeout', '8d', '--', 'true'], '--timeout: 8d is out of bounds; allowed are 100ms to 7d [bad-duration]')
test(refused, ['run', ...home, '--all', '--expires', '0s', '--', 'true'], '--expires: 0s is out of bounds; allowed are 1s to 90d [bad-duration]')
test(
  refused,
  ['run', ...home, '--all', 'ls', '-l'],
  "unknown option '-l'; if it belongs to the command to be run, put -- before that command; see: writ run --help [bad-usage]"
)

test('a selector that cannot be read is refused before anybody is contacted', async (t) => {
  const bad = await transcript(['run', ...home, '--on', 'role=(web', '--', 'true'])
  t.regex(bad.stderr, /^writ: cannot read the selector "role=\(web" .*\[bad-selector\]\n$/)
  t.is(bad.exitCode, 2)
})

test('with --json wrong usage is one JSON document on stdout as well', async (t) => {
  const shown = await transcript(['nodes', '--json', '--frm'])
  t.deepEqual(JSON.parse(shown.stdout), { error: { code: 'bad-usage', message: "unknown option '--frm'; see: writ nodes --help", details: {} } })
  t.is(shown.exitCode, 2)
})

test('a --json that belongs to the command to be run is not ours', async (t) => {
  t.is((await transcript(['run', ...home, '--', 'tool', '--json'])).stdout, '')
})

test('help goes to stdout, lists every command and the exit codes, and succeeds', async (t) => {
  for (const args of [['--help'], ['help']]) {
    const shown = await transcript(args)
    for (const verb of ['init', 'invite', 'join', 'start', 'status', 'run', 'list', 'queue', 'show', 'logs', 'cancel', 'nodes', 'thaw']) t.regex(shown.stdout, new RegExp(`^  ${verb} `, 'm'))
    t.regex(shown.stdout, /Exit codes:\n {2}0 /)
    t.is(shown.stderr, '')
    t.is(shown.exitCode, 0)
  }
  t.regex((await transcript(['run', '--help'])).stdout, /^Usage: writ run \(--on SELECTOR \| --nodes a,b \| --all\)/)
})

test('WRIT_HOME stands in for --home, and --home wins', async (t) => {
  const homes: string[] = []
  const deps = {
    environment: { WRIT_HOME: '/env' },
    startNode: async (home: string): Promise<never> => {
      homes.push(home)
      throw new Error('as far as it goes')
    }
  }
  await transcript(['start'], { deps })
  await transcript(['start', '--home', '/flag'], { deps })
  t.deepEqual(homes, ['/env', '/flag'])
})
