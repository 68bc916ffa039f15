/**
 * Where an admin finds the endpoints: those of `writ.json`, and what endpoints have told since, in a file of its own
 * that any command may replace as a whole.
 */
import * as v from 'valibot'
import { isWritError } from '../base/errors.ts'
import { checkShape } from '../base/schema.ts'
import { toText } from '../base/bytes.ts'
import { readFileGuarded, writeFileDurable } from '../base/file-durable.ts'
import { endpointAddressSchema, type AdminConfig, type EndpointAddress } from '../trust/home-config.ts'
import type { Home } from '../trust/file-home.ts'

const fileSchema = v.array(endpointAddressSchema)

/**
 * What was learned comes first, in the order in which it was saved, and wins over what `writ.json` says; a learned file
 * that cannot be read counts as empty, since it is learned again.
 */
export const loadEndpoints = (home: Home<AdminConfig>): EndpointAddress[] => {
  const configured = new Map(home.config.endpoints.map((endpoint) => [endpoint.key, endpoint]))
  const learned = readLearned(home.paths.adminEndpoints).map((endpoint) => {
    const addresses = [...endpoint.addresses, ...(configured.get(endpoint.key)?.addresses ?? [])]
    return { ...endpoint, addresses: [...new Set(addresses)].slice(0, 16) }
  })
  const known = new Set(learned.map(({ key }) => key))
  return [...learned, ...home.config.endpoints.filter(({ key }) => !known.has(key))]
}

export const saveEndpoints = (home: Home<AdminConfig>, endpoints: readonly EndpointAddress[]): void => {
  const text = `${JSON.stringify(endpoints, null, 2)}\n`
  if (text !== readText(home.paths.adminEndpoints)) writeFileDurable(home.paths.adminEndpoints, text, 0o644)
}

const readLearned = (path: string): EndpointAddress[] => {
  const text = readText(path)
  if (text === '') return []
  try {
    const learned = checkShape(fileSchema, JSON.parse(text))
    return learned.ok ? learned.value : []
  } catch {
    return [] // not JSON
  }
}

const readText = (path: string): string => {
  try {
    return toText(readFileGuarded(path, { secret: false }))
  } catch (error) {
    if (isWritError(error, 'file-missing')) return ''
    throw error
  }
}
