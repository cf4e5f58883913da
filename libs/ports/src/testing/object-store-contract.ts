import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { isPhloError } from '../errors.js'
import type { ObjectStore } from '../object-store.js'
import type { TestRunner } from './runner.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value))

/** True for an error with that code, as `assert.rejects` wants it. */
function withCode(code: string) {
  return (error: unknown) => isPhloError(error, code)
}

/** What every ObjectStore must do. `create` gives a fresh, empty store each time. */
export function objectStoreContract(
  name: string,
  options: { readonly create: () => Promise<ObjectStore> },
  { describe, it }: TestRunner,
): void {
  describe(`ObjectStore contract: ${name}`, () => {
    const using = (title: string, body: (store: ObjectStore) => Promise<void>) =>
      it(title, async () => {
        const store = await options.create()
        try {
          await body(store)
        } finally {
          await store.close()
        }
      })
    const keysOf = async (store: ObjectStore, prefix: string, after?: string) => {
      const keys: string[] = []
      for await (const info of store.list(prefix, after === undefined ? {} : { after })) keys.push(info.key)
      return keys
    }

    using('gives undefined for what is not there', async (store) => {
      assert.equal(await store.get('a/none'), undefined)
      assert.equal(await store.head('a/none'), undefined)
    })

    using('gives back what was put, with the version of the put', async (store) => {
      const { version } = await store.put('a/b.txt', bytes('hello'))
      const object = await store.get('a/b.txt')
      assert.deepEqual({ text: text(object?.bytes), version: object?.version }, { text: 'hello', version })
      const info = await store.head('a/b.txt')
      assert.deepEqual(
        { key: info?.key, size: info?.size, version: info?.version },
        { key: 'a/b.txt', size: 5, version },
      )
    })

    using('holds an empty object and one of a megabyte', async (store) => {
      const large = new Uint8Array(1 << 20).map((_, index) => index * 31)
      await store.put('empty', new Uint8Array())
      await store.put('large', large)
      assert.equal((await store.get('empty'))?.bytes.length, 0)
      assert.ok(Buffer.from((await store.get('large'))?.bytes ?? []).equals(Buffer.from(large)))
    })

    using('reads a range, cut at the object’s end', async (store) => {
      await store.put('r', bytes('0123456789'))
      assert.equal(text((await store.get('r', { range: { start: 2, end: 5 } }))?.bytes), '234')
      assert.equal(text((await store.get('r', { range: { start: 8, end: 50 } }))?.bytes), '89')
    })

    using('puts without a condition over what is there, and changes the version', async (store) => {
      const first = await store.put('k', bytes('one'))
      const second = await store.put('k', bytes('two'))
      assert.notEqual(first.version, second.version)
      assert.equal(text((await store.get('k'))?.bytes), 'two')
    })

    using('refuses a create-only put on an existing object and leaves it', async (store) => {
      await store.put('k', bytes('one'), { ifAbsent: true })
      await assert.rejects(store.put('k', bytes('two'), { ifAbsent: true }), withCode('PHLO_OBJECT_EXISTS'))
      assert.equal(text((await store.get('k'))?.bytes), 'one')
    })

    using('refuses a put on another version and leaves the object', async (store) => {
      const first = await store.put('k', bytes('one'), { ifAbsent: true })
      const second = await store.put('k', bytes('two'), { ifMatch: first.version })
      await assert.rejects(store.put('k', bytes('three'), { ifMatch: first.version }), withCode('PHLO_OBJECT_CHANGED'))
      const object = await store.get('k')
      assert.deepEqual(
        { text: text(object?.bytes), version: object?.version },
        { text: 'two', version: second.version },
      )
    })

    using('refuses a match-version put on an absent object', async (store) => {
      await assert.rejects(store.put('k', bytes('one'), { ifMatch: 'x' }), withCode('PHLO_OBJECT_CHANGED'))
      assert.equal(await store.get('k'), undefined)
    })

    using('lets exactly one of many racing creators win', async (store) => {
      const results = await Promise.allSettled(
        Array.from({ length: 16 }, (_, index) => store.put('race', bytes(String(index)), { ifAbsent: true })),
      )
      const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [String(index)] : []))
      assert.equal(winners.length, 1)
      assert.equal(text((await store.get('race'))?.bytes), winners[0])
    })

    using('loses no update among racing conditional puts', async (store) => {
      await store.put('count', bytes('0'), { ifAbsent: true })
      const increment = async () => {
        for (;;) {
          const current = await store.get('count')
          assert.ok(current)
          try {
            await store.put('count', bytes(String(Number(text(current.bytes)) + 1)), { ifMatch: current.version })
            return
          } catch (error) {
            if (!isPhloError(error, 'PHLO_OBJECT_CHANGED')) throw error
          }
        }
      }
      await Promise.all(Array.from({ length: 24 }, increment))
      assert.equal(text((await store.get('count'))?.bytes), '24')
    })

    using('never gives the version of other bytes to a key', async (store) => {
      const versions = new Set<string>()
      let { version } = await store.put('k', bytes('0'), { ifAbsent: true })
      for (let round = 0; round < 80; round++) {
        assert.ok(!versions.has(version))
        versions.add(version)
        ;({ version } = await store.put('k', bytes(String(round + 1)), { ifMatch: version }))
      }
    })

    using('lists keys of a prefix in the order of their bytes', async (store) => {
      for (const key of ['p/b', 'p/a/x', 'p/a.txt', 'p/a', 'p/é', 'p/Z', 'q/a', 'p2'].filter((key) => key !== 'p/a')) {
        await store.put(key, bytes(key))
      }
      assert.deepEqual(await keysOf(store, 'p/'), ['p/Z', 'p/a.txt', 'p/a/x', 'p/b', 'p/é'])
      assert.deepEqual(await keysOf(store, 'p'), ['p/Z', 'p/a.txt', 'p/a/x', 'p/b', 'p/é', 'p2'])
      assert.deepEqual(await keysOf(store, 'p/', 'p/a.txt'), ['p/a/x', 'p/b', 'p/é'])
      assert.deepEqual(await keysOf(store, ''), ['p/Z', 'p/a.txt', 'p/a/x', 'p/b', 'p/é', 'p2', 'q/a'])
      assert.deepEqual(await keysOf(store, 'none/'), [])
    })

    using('lists an object that was changed once, as it is now', async (store) => {
      const { version } = await store.put('l/k', bytes('1'), { ifAbsent: true })
      const next = await store.put('l/k', bytes('22'), { ifMatch: version })
      const infos = []
      for await (const info of store.list('l/')) infos.push({ key: info.key, size: info.size, version: info.version })
      assert.deepEqual(infos, [{ key: 'l/k', size: 2, version: next.version }])
    })

    using('deletes objects, changed ones too, and minds no absent one', async (store) => {
      const { version } = await store.put('d/1', bytes('1'), { ifAbsent: true })
      await store.put('d/1', bytes('2'), { ifMatch: version })
      await store.put('d/2', bytes('2'))
      await store.delete(['d/1', 'd/none'])
      assert.equal(await store.get('d/1'), undefined)
      assert.deepEqual(await keysOf(store, 'd/'), ['d/2'])
    })

    using('takes in a local file as an object, once', async (store) => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-contract-'))
      try {
        const file = path.join(folder, 'f')
        await writeFile(file, 'contents')
        await store.putFile('files/f', file)
        assert.equal(text((await store.get('files/f'))?.bytes), 'contents')
        await assert.rejects(stat(file))
        await writeFile(file, 'other')
        await assert.rejects(store.putFile('files/f', file), withCode('PHLO_OBJECT_EXISTS'))
        assert.equal(text((await store.get('files/f'))?.bytes), 'contents')
      } finally {
        await rm(folder, { recursive: true })
      }
    })

    using('shows an object as a local file', async (store) => {
      await store.put('a/file.bin', bytes('contents'), { ifAbsent: true })
      const file = await store.localFile('a/file.bin')
      assert.equal(await readFile(file, 'utf8'), 'contents')
      assert.ok(file.startsWith(await store.localRoot()))
      await assert.rejects(store.localFile('a/none'), withCode('PHLO_OBJECT_NOT_FOUND'))
    })

    using('turns keys into absolute URIs and back, and knows those of others', async (store) => {
      const uri = store.uri('a/b.parquet')
      assert.match(uri, /^[a-z0-9]+:\/\//)
      assert.equal(store.key(uri), 'a/b.parquet')
      assert.equal(store.key(`${store.uri('a')}/../../../outside`), undefined)
      assert.equal(store.key('other://bucket/a'), undefined)
    })

    using('refuses keys that lead out of the store', async (store) => {
      for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '', 'a/./b']) {
        await assert.rejects(store.put(key, bytes('x')), withCode('PHLO_STORAGE_FAILED'), key)
        await assert.rejects(store.get(key), withCode('PHLO_STORAGE_FAILED'), key)
      }
    })
  })
}
