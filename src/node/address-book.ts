/** Where the endpoints are: those of the configuration, and what endpoints have told since, which is kept. */
import * as v from 'valibot'
import { decodeShape } from '../base/schema.ts'
import { encodeCbor } from '../base/codec.ts'
import { put, type KeyValueStore } from '../base/key-value-store.ts'
import { limits } from '../base/limits.ts'
import { compareText } from '../base/bytes.ts'
import { endpointAddressSchema, type EndpointAddress } from '../trust/home-config.ts'

const bookKey = 'address-book'
const bookSchema = v.array(endpointAddressSchema)

export class AddressBook {
  readonly #store: KeyValueStore
  readonly #fixed: readonly EndpointAddress[]
  #learned: readonly EndpointAddress[]

  private constructor(store: KeyValueStore, fixed: readonly EndpointAddress[], learned: readonly EndpointAddress[]) {
    this.#store = store
    this.#fixed = fixed
    this.#learned = learned
  }

  static async open(store: KeyValueStore, fixed: readonly EndpointAddress[]): Promise<AddressBook> {
    const stored = await store.get(bookKey)
    const learned = stored === undefined ? undefined : decodeShape(bookSchema, stored, limits.network.messageBytesMax)
    return new AddressBook(store, fixed, learned?.ok === true ? learned.value : [])
  }

  /** Each endpoint once: what it told last comes before what the configuration says. */
  list(): EndpointAddress[] {
    const entries = new Map(this.#fixed.map((endpoint) => [endpoint.key, endpoint]))
    for (const endpoint of this.#learned) {
      const fixed = entries.get(endpoint.key)
      entries.set(endpoint.key, { ...endpoint, addresses: [...new Set([...endpoint.addresses, ...(fixed?.addresses ?? [])])].slice(0, 16) })
    }
    return [...entries.values()]
  }

  /** True when that was news. Endpoints of which nothing was said are kept: the one that answered may not know them. */
  async learn(endpoints: readonly EndpointAddress[]): Promise<boolean> {
    const known = new Map(this.#learned.map((endpoint) => [endpoint.key, endpoint]))
    if (endpoints.every((endpoint) => isSame(endpoint, known.get(endpoint.key)))) return false
    for (const endpoint of endpoints) known.set(endpoint.key, endpoint)
    const learned = [...known.values()].sort((left, right) => compareText(left.key, right.key)).slice(0, limits.network.endpointsMax)
    this.#learned = learned
    await this.#store.write([put(bookKey, encodeCbor(learned))], { durable: false })
    return true
  }
}

const isSame = (endpoint: EndpointAddress, known: EndpointAddress | undefined): boolean =>
  known !== undefined && known.name === endpoint.name && known.addresses.join() === endpoint.addresses.join()
