/** Runs the command line against fakes and gives back what a person would have seen. */
import type { Admin } from '../../src/api/types.ts'
import { runCli } from '../../src/cli/program.ts'
import type { Library, VerbDeps } from '../../src/cli/verb.ts'
import { createFakeAdmin, now, type FakeAdmin } from './fake-admin.ts'
import { createFakeTerminal, type FakeTerminal, type TerminalOptions } from './fake-terminal.ts'

export interface Scene {
  readonly admin?: Partial<Admin>
  readonly library?: Partial<Library>
  readonly terminal?: TerminalOptions
  readonly deps?: Partial<VerbDeps>
  /** Called with the terminal before the command runs, for those who press Ctrl-C. */
  readonly onTerminal?: (terminal: FakeTerminal) => void
}

export interface Transcript {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
  readonly terminal: FakeTerminal
  readonly admin: FakeAdmin
}

const refuse = (method: string) => async (): Promise<never> => {
  throw new Error(`${method} was not expected`)
}

export const transcript = async (args: readonly string[], scene: Scene = {}): Promise<Transcript> => {
  const terminal = createFakeTerminal(scene.terminal)
  scene.onTerminal?.(terminal)
  const admin = createFakeAdmin(scene.admin ?? {})
  const exitCode = await runCli(args, {
    terminal,
    clock: { now: () => now },
    environment: {},
    library: {
      createMesh: refuse('createMesh'),
      createInvite: refuse('createInvite'),
      joinMesh: refuse('joinMesh'),
      bootstrapEndpoint: refuse('bootstrapEndpoint'),
      readStatus: refuse('readStatus'),
      // oxlint-disable-next-line require-yield
      async *audit() {
        throw new Error('audit was not expected')
      },
      backUp: refuse('backUp'),
      restore: refuse('restore'),
      createAdmin: scene.admin === undefined ? refuse('createAdmin') : async () => admin,
      ...scene.library
    },
    startNode: refuse('startNode'),
    describeService: refuse('describeService'),
    writeUnit() {
      throw new Error('writeUnit was not expected')
    },
    checkScript() {},
    checkFile() {},
    checkDirectory() {},
    async checkRelease() {},
    openBar: refuse('openBar'),
    ...scene.deps
  })
  return { stdout: terminal.stdoutText(), stderr: terminal.stderrText(), exitCode, terminal, admin }
}
