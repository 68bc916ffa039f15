/** The demo's mesh: real processes of the bundle, made and asked by the operator's own commands. */
import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findFreePort } from '../free-port.ts'

const program = fileURLToPath(new URL('../../dist/writ.js', import.meta.url))
const startDeadlineMs = 30_000
const agreementDeadlineMs = 10_000

interface QueueDocument {
  readonly queue: readonly { readonly agentName: string; readonly indication: string; readonly name: string; readonly state: string }[]
}

export class DemoMesh {
  readonly admin: string
  readonly #folder: string
  readonly #say: (text: string) => void
  readonly #nodes = new Map<string, ChildProcess>()
  #size = 0

  constructor(folder: string, say: (text: string) => void) {
    this.#folder = folder
    this.#say = say
    this.admin = this.#home('admin')
  }

  /** Nodes that were started. */
  get size(): number {
    return this.#size
  }

  get command(): string {
    return `${relative(process.cwd(), process.execPath) || process.execPath} ${relative(process.cwd(), program)}`
  }

  async start(): Promise<void> {
    await this.writ(['init', '--home', this.admin, '--mesh', 'demo'])
    const [first, second] = [await findFreePort(), await findFreePort()]
    await this.writ(['join', '--admin', this.admin, '--home', this.#home('endpoint-1'), '--name', 'endpoint-1', '--listen', `/ip4/127.0.0.1/tcp/${first}`])
    this.#startNode('endpoint-1')
    await this.#until(1)
    const invitation = await this.writ(['invite', '--home', this.admin, '--role', 'endpoint'])
    await this.writ(['join', invitation.trim(), '--home', this.#home('endpoint-2'), '--name', 'endpoint-2', '--listen', `/ip4/127.0.0.1/tcp/${second}`], { shown: ['join', 'TOKEN', '--name', 'endpoint-2'] })
    this.#startNode('endpoint-2')
    for (const role of ['web', 'db']) {
      const token = await this.writ(['invite', '--home', this.admin, '--role', 'agent', '--label', `role=${role}`, '--uses', '2'])
      for (const number of [1, 2]) {
        const name = `${role}-${number}`
        await this.writ(['join', token.trim(), '--home', this.#home(name), '--name', name], { shown: ['join', 'TOKEN', '--name', name] })
        this.#startNode(name)
      }
    }
    await this.#until(6)
    this.#say(await this.writ(['nodes', '--home', this.admin]))
  }

  /** Standard output of one command. Throws when it exits with another code than `accepted`. */
  writ(args: readonly string[], options: { readonly accepted?: readonly number[]; readonly shown?: readonly string[]; readonly quiet?: boolean } = {}): Promise<string> {
    if (options.quiet !== true) this.#say(`$ writ ${(options.shown ?? args).join(' ')}`)
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
      let [output, errors] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
      child.once('error', reject)
      child.once('close', (code) => {
        if (code !== null && (options.accepted ?? [0]).includes(code)) resolve(output)
        else reject(new Error(`writ ${args[0]} ended with ${code}: ${errors.trim() || output.trim()}`))
      })
    })
  }

  /** Asks each endpoint alone until both say the same, which gossip and sync bring about; shows what they say. */
  async compareQueues(): Promise<boolean> {
    const deadline = Date.now() + agreementDeadlineMs
    const homes = ['endpoint-1', 'endpoint-2'].map((name) => ({ name, home: this.#adminOf(name) }))
    for (;;) {
      const answers = await Promise.all(homes.map(({ home }) => this.writ(['queue', '--home', home, '--json'], { quiet: true })))
      const [first, second] = answers.map((answer) => linesOf(JSON.parse(answer)))
      const doAgree = first === second
      if (!doAgree && Date.now() < deadline) continue
      for (const [index, { name }] of homes.entries()) this.#say(`$ writ queue   (asking ${name})\n${(index === 0 ? first : second) ?? ''}`)
      return doAgree
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(stopChild))
    this.#nodes.clear()
  }

  /** Lets the nodes outlive this process. */
  release(): void {
    for (const child of this.#nodes.values()) child.unref()
  }

  processIds(): number[] {
    return [...this.#nodes.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  showLogs(): void {
    for (const name of this.#nodes.keys()) this.#say(`\n--- log of ${name}\n${readFileSync(`${this.#home(name)}.log`, 'utf8').split('\n').slice(-15).join('\n')}`)
  }

  #home(name: string): string {
    return join(this.#folder, name)
  }

  #startNode(name: string): void {
    this.#say(`$ writ start --home ${name}`)
    this.#size += 1
    const log = openSync(`${this.#home(name)}.log`, 'a')
    this.#nodes.set(name, spawn(process.execPath, [program, 'start', '--home', this.#home(name)], { stdio: ['ignore', log, log], detached: true }))
  }

  /** Until so many nodes have been heard of. */
  async #until(count: number): Promise<void> {
    const deadline = Date.now() + startDeadlineMs
    for (let last = ''; ; ) {
      try {
        last = await this.writ(['nodes', '--home', this.admin, '--json'], { quiet: true })
        const { nodes }: { nodes: readonly { lastContactAt: number | null }[] } = JSON.parse(last)
        if (nodes.filter(({ lastContactAt }) => lastContactAt !== null).length >= count) return
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
      }
      if (Date.now() > deadline) throw new Error(`${count} nodes did not join within ${startDeadlineMs / 1000} s; last seen: ${last}`)
    }
  }

  /** A copy of the admin's home that knows one endpoint only. */
  #adminOf(endpoint: string): string {
    const home = this.#home(`admin-at-${endpoint}`)
    cpSync(this.admin, home, { recursive: true })
    const known: readonly { name: string }[] = JSON.parse(readFileSync(join(home, 'admin', 'endpoints.json'), 'utf8'))
    const only = JSON.stringify(known.filter(({ name }) => name === endpoint))
    const config = JSON.parse(readFileSync(join(home, 'writ.json'), 'utf8'))
    writeFileSync(join(home, 'writ.json'), JSON.stringify({ ...config, endpoints: JSON.parse(only) }))
    writeFileSync(join(home, 'admin', 'endpoints.json'), only)
    return home
  }
}

const linesOf = ({ queue }: QueueDocument): string =>
  queue
    .map(({ agentName, indication, name, state }) => `  ${indication.slice(0, 12)}  ${name.padEnd(16)} ${agentName.padEnd(12)} ${state}`)
    .sort()
    .join('\n')

const stopChild = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
