import test from 'ava'
import { chmod, lstat, mkdir, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { packTree } from '../../src/api/file-tree.ts'
import { concatBytes } from '../../src/base/bytes.ts'
import { namesIn, unpackTree } from '../../src/executor/file-tree.ts'
import { decodeTree, encodeTree } from '../../src/record/tree.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

const nobody = { owner: null, group: null }

/** What there is below a directory: path, mode, and what it holds. */
const look = async (directory: string): Promise<readonly string[]> => {
  const names = (await readdir(directory, { recursive: true })).sort()
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(directory, name)
      const stats = await lstat(file)
      const holds = stats.isFile() ? (await readFile(file, 'utf8')).slice(0, 20) : stats.isSymbolicLink() ? await readlink(file) : ''
      return `${name} ${(stats.mode & 0o7777).toString(8)} ${holds}`
    })
  )
}

test('a directory that is packed and unpacked is the same, with modes and links', async (t) => {
  const directory = await temporaryDirectory(t)
  const source = path.join(directory, 'source')
  await mkdir(path.join(source, 'a/deep'), { recursive: true })
  await mkdir(path.join(source, 'empty'))
  await writeFile(path.join(source, 'a/deep/one'), 'one')
  await writeFile(path.join(source, 'a-b'), 'x'.repeat(600_000))
  await writeFile(path.join(source, 'a/none'), '')
  await symlink('../nowhere', path.join(source, 'a/link'))
  await chmod(path.join(source, 'a/deep/one'), 0o4750)
  await chmod(path.join(source, 'a/deep'), 0o555)
  await chmod(source, 0o711)
  const packed = await packTree(source, nobody)
  const payload = concatBytes(await Array.fromAsync(packed.bytes))
  t.is(packed.cuts.length, 2)
  const tree = decodeTree(payload, payload.length)
  if (!tree.ok) return t.fail(tree.detail)
  t.deepEqual(namesIn(tree.value.manifest), { users: [], groups: [] })
  await writeFile(path.join(directory, 'payload'), payload)
  const placed = path.join(directory, 'placed')
  await unpackTree(path.join(directory, 'payload'), tree.value, placed)
  t.deepEqual(await look(placed), await look(source))
  t.is((await lstat(placed)).mode & 0o7777, 0o711)
  await chmod(path.join(source, 'a/deep'), 0o755)
  await chmod(path.join(placed, 'a/deep'), 0o755)
})

test('a file that is changed while it is packed is an error, as is what is no file', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'file'), 'before')
  const packed = await packTree(directory, nobody)
  await writeFile(path.join(directory, 'file'), 'behind')
  await t.throwsAsync(Array.fromAsync(packed.bytes), { code: 'files-changed' })
  await t.throwsAsync(packTree(path.join(directory, 'missing'), nobody), { code: 'files-unreadable' })
  await t.throwsAsync(packTree('/dev/null', nobody), { code: 'files-unreadable' })
})

test('a file that its manifest does not describe is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  const encoded = encodeTree({ root: { mode: 0o755, ...nobody }, entries: [{ kind: 'file', path: 'a', mode: 0o644, ...nobody, sizeBytes: 3, sha256: '0'.repeat(64) }] })
  if (!encoded.ok) return t.fail(encoded.detail)
  await writeFile(path.join(directory, 'payload'), concatBytes([encoded.value.head, Buffer.from('abc')]))
  await t.throwsAsync(unpackTree(path.join(directory, 'payload'), encoded.value.tree, path.join(directory, 'placed')), { code: 'bad-tree' })
})
