/**
 * What every command is given, so that none of them reaches for the outside by itself.
 */
import { Option } from 'commander'
import type { Service } from './service-unit.ts'
import type { KeyId, MeshId } from '../base/brand.ts'
import type { Clock } from '../base/clock.ts'
import { WritError } from '../base/errors.ts'
import type { Admin, InviteDraft, NodeStatus } from '../api/types.ts'
import type { AuditEvent, AuditOptions } from '../api/file-audit.ts'
import type { BackupReport } from '../api/file-backup.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Progress } from './progress.ts'
import type { Terminal } from './terminal.ts'

export interface Joined {
  readonly mesh: MeshId
  readonly meshName: string
  readonly name: string
  readonly role: 'agent' | 'endpoint'
  readonly key: KeyId
}

export interface JoinPlace {
  readonly home: string
  readonly name?: string
  readonly listen?: readonly string[]
}

/** The part of the public library that the commands are made of. */
export interface Library {
  createMesh(options: { readonly home: string; readonly mesh: string }): Promise<{ readonly mesh: MeshId; readonly name: string }>
  createInvite(options: { readonly home: string } & InviteDraft): Promise<string>
  joinMesh(options: { readonly token: string } & JoinPlace): Promise<Joined>
  bootstrapEndpoint(options: { readonly admin: string } & JoinPlace): Promise<Joined>
  createAdmin(options: { readonly home: string }): Promise<Admin>
  audit(options: AuditOptions): AsyncIterable<AuditEvent>
  backUp(options: { readonly home: string; readonly out: string }): Promise<BackupReport>
  restore(options: { readonly file: string; readonly home: string }): Promise<BackupReport>
  readStatus(options: { readonly home: string }): Promise<NodeStatus>
}

export interface VerbDeps {
  readonly terminal: Terminal
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly library: Library
  /** Turns this process into the node of `home`. Errors: those of `openNodeHome`. */
  startNode(home: string): Promise<never>
  /** The service that keeps the node of `home` running. Errors: those of `openNodeHome`. */
  describeService(home: string): Promise<Service>
  /** Errors: `disk-full`, `home-unwritable`. */
  writeUnit(file: string, text: string): void
  /** Errors: `script-unreadable`. */
  checkScript(file: string): void
  /** Errors: `files-unreadable`. */
  checkFile(file: string): void
  /** Errors: `files-unreadable`. */
  checkDirectory(directory: string): void
  /** Errors: `release-unreadable`. */
  checkRelease(directory: string): Promise<void>
  /** Live progress for a terminal. */
  openBar(): Promise<Progress>
}

/** Runs one command; what it resolves with becomes the exit code of the process. */
export type Perform = (verb: (deps: VerbDeps) => Promise<ExitCode>) => Promise<void>

export interface HomeFlag {
  readonly home?: string
}

const homes = { admin: 'home of the admin (or WRIT_HOME)', node: 'home of the node (or WRIT_HOME)', either: 'home of a node or an admin (or WRIT_HOME)' } as const

export const homeOption = (whose: keyof typeof homes): Option => new Option('--home <dir>', homes[whose])

/** `--home`, or WRIT_HOME. Errors: `no-home`. */
export const requireHome = (flags: HomeFlag, deps: VerbDeps): string => {
  const home = flags.home ?? deps.environment['WRIT_HOME'] ?? ''
  if (home === '') throw new WritError('no-home', 'no home was given: pass --home DIR, or set WRIT_HOME')
  return home
}

export const withAdmin = async <T>(home: string, deps: VerbDeps, action: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = await deps.library.createAdmin({ home })
  try {
    return await action(admin)
  } finally {
    await admin.close()
  }
}

export const printJson = (terminal: Terminal, document: unknown): Promise<void> => terminal.stdout.write(`${JSON.stringify(document)}\n`)
