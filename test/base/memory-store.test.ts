import { MemoryStore } from '../../src/base/memory-store.ts'
import { testKeyValueStore } from './key-value-store.ts'

testKeyValueStore('memory', async () => new MemoryStore())
