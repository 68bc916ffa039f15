import test from 'ava'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { base58btc } from 'multiformats/bases/base58'
import { sha256 } from '../../src/base/codec.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { checkLocation, rawCidOf } from '../../src/record/payload-location.ts'

const digest = sha256(utf8('payload'))
const flat = Buffer.from(digest).toString('hex')
const other = Buffer.from(sha256(utf8('other'))).toString('hex')
const [raw, dagPb, dagCbor, sha2, sha512] = [0x55, 0x70, 0x71, 0x12, 0x13] as const
const cidOf = (codec: number, hash: number = sha2, bytes = digest): CID => CID.createV1(codec, createDigest(hash, bytes))

const isAccepted = test.macro({
  exec(t, cid: string, sha: string) {
    const checked = checkLocation({ cid, sizeBytes: 7, sha256: sha })
    t.true(checked.ok && checked.value.toString() === cid)
  },
  title: (name = '') => `${name} is a good location`
})

const isRefused = test.macro({
  exec(t, cid: string, sha: string, detail: string) {
    const checked = checkLocation({ cid, sizeBytes: 7, sha256: sha })
    t.like(checked, { ok: false, code: 'bad-location' })
    t.true(!checked.ok && checked.detail.includes(detail), checked.ok ? '' : checked.detail)
  },
  title: (name = '') => `${name} is refused`
})

test('the raw CID of the payload\'s own digest', isAccepted, rawCidOf(digest).toString(), flat)
test('the root of a tree of blocks, whose hash is not the flat one', isAccepted, cidOf(dagPb).toString(), other)
test('an empty text', isRefused, '', flat, 'no CID')
test('a text that is no CID', isRefused, 'https://example.org/payload', flat, 'no CID')
test('a CID of version 0', isRefused, CID.createV0(createDigest(sha2, digest)).toString(), flat, 'version 1')
test('a CID in another base', isRefused, cidOf(raw).toString(base58btc), flat, 'base32')
test('a CID in capitals', isRefused, cidOf(raw).toString().toUpperCase(), flat, '')
test('a CID of another codec', isRefused, cidOf(dagCbor).toString(), flat, 'codec')
test('a CID by another hash', isRefused, cidOf(raw, sha512, new Uint8Array(64)).toString(), flat, 'sha2-256')
test('a CID with a digest that is cut short', isRefused, cidOf(raw, sha2, digest.slice(0, 20)).toString(), flat, 'sha2-256')
test('a raw CID beside another digest', isRefused, rawCidOf(digest).toString(), other, 'contradict')
