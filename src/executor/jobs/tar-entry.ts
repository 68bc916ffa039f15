/**
 * A file's place in a tar archive, by POSIX.1-2001: a header of 512 bytes, and before it, where the name is long or not
 * ASCII, a pax header that says it. Pure.
 */
import { concatBytes, utf8 } from '../../base/bytes.ts'

export const tarBlockBytes = 512

export interface TarFile {
  /** Relative. */
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAtSeconds: number
}

/** What comes before the file's bytes, which are then padded by `tarPadding`. */
export const encodeTarHeader = (file: TarFile): Uint8Array => {
  if (/^[\x20-\x7e]{1,100}$/.test(file.path)) return headerOf(file, '0')
  const record = paxRecord('path', file.path)
  return concatBytes([headerOf({ ...file, path: 'pax', sizeBytes: record.length }, 'x'), record, tarPadding(record.length), headerOf({ ...file, path: 'long-name' }, '0')])
}

export const tarPadding = (sizeBytes: number): Uint8Array => new Uint8Array((tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes)

/** The end of an archive. */
export const tarEnd = new Uint8Array(2 * tarBlockBytes)

/** `LENGTH KEY=VALUE`, where the length counts itself. */
const paxRecord = (key: string, value: string): Uint8Array => {
  const rest = utf8(` ${key}=${value}\n`)
  let length = rest.length
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length
  return concatBytes([utf8(`${length}`), rest])
}

const headerOf = ({ path, sizeBytes, modifiedAtSeconds }: TarFile, type: '0' | 'x'): Uint8Array => {
  const header = new Uint8Array(tarBlockBytes)
  const octal = (value: number, digits: number): string => `${Math.max(0, Math.floor(value)).toString(8).padStart(digits, '0')}\0`
  const put = (offset: number, text: string): void => header.set(utf8(text), offset)
  put(0, path)
  put(100, octal(0o644, 7))
  put(108, octal(0, 7))
  put(116, octal(0, 7))
  put(124, octal(sizeBytes, 11))
  put(136, octal(modifiedAtSeconds, 11))
  put(148, ' '.repeat(8)) // what the sum counts in its own place
  put(156, type)
  put(257, 'ustar\x0000')
  const sum = header.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return header
}
