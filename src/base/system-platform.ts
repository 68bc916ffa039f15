/** What a release's native parts must fit, such as `linux-x64-glibc`. */
import { existsSync, readdirSync } from 'node:fs'

export const readPlatform = (): string => `${process.platform}-${process.arch}${process.platform === 'linux' ? `-${findMuslLoader() ? 'musl' : 'glibc'}` : ''}`

/** musl's loader has a name of its own, in the one place where programs expect it. */
const findMuslLoader = (): boolean => existsSync('/lib') && readdirSync('/lib').some((name) => name.startsWith('ld-musl-'))
