import test from 'ava'
import { readFileSync } from 'node:fs'
import { release } from '../../src/base/release.ts'

test('the release that the code says is the one of package.json', (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  t.is(release, version)
})
