/** Variable-length integers of seven bits a byte, the lowest first, as LevelDB, Snappy and CAR files have them. Pure. */
export const readVarint = (bytes: Uint8Array, start: number): { readonly value: number; readonly next: number } | null => {
  let value = 0
  let factor = 1
  // Seven bytes are 49 bits: more than any size or number that a double counts exactly needs here.
  for (let at = start; at < Math.min(bytes.length, start + 7); at += 1) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return { value, next: at + 1 }
    factor *= 128
  }
  return null
}

export const encodeVarint = (value: number): Uint8Array => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}
