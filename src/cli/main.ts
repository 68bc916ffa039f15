#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/** The program `writ`. What a command does not need is not loaded: help and wrong usage are answered at once. */
import { writeFileDurable } from '../base/file-durable.ts'
import { systemClock } from '../base/system-clock.ts'
import { checkDirectory, checkFile, checkScript } from './file-source.ts'
import { library } from './library.ts'
import { runCli } from './program.ts'
import { createSystemTerminal } from './system-terminal.ts'

process.exit(
  await runCli(process.argv.slice(2), {
    terminal: createSystemTerminal(),
    clock: systemClock,
    environment: process.env,
    library,
    checkScript,
    checkFile,
    checkDirectory,
    checkRelease: async (directory) => void (await import('../api/file-release.ts')).readRelease(directory),
    describeService: async (home) => (await import('./system-start.ts')).describeService(home),
    writeUnit: (file, text) => writeFileDurable(file, text, 0o644),
    startNode: async (home) => (await import('./system-start.ts')).startNode(home),
    openBar: async () => (await import('./system-progress.ts')).createBar(process.stderr)
  })
)
