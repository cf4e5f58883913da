/**
 * Storage in a local folder that kills the process at one of its writes, loses races, or has forgotten how to put
 * conditionally. What it does is said in the environment:
 * - `FAULT=<n>:before|after` ends the process by SIGKILL right before or after the write of that number, from 1;
 * - `FAULT_LOG=<file>` gets a line for each write;
 * - `FAULT_RIVAL=<ref>` commits to main, as another process would, just before the first conditional put of that ref;
 * - `FAULT_PLAIN=1` replaces conditional puts by plain ones.
 */
import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { definePlugin, ObjectStorePort, pluginApiVersion, provide } from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'

const { FAULT, FAULT_LOG, FAULT_RIVAL, FAULT_PLAIN } = process.env
const [faultAt, faultMoment] = (FAULT ?? '').split(':')
let writes = 0
let rivalDone = FAULT_RIVAL === undefined

/** A proxy, so that everything which only reads is the real store's. */
function faulty(store, folder) {
  const replaced = {
    put: (key, bytes, condition) => write(key, () => put(key, bytes, condition)),
    putFile: (key, file) => write(key, () => store.putFile(key, file)),
    delete: (keys) => write(keys.join(','), () => store.delete(keys)),
  }
  return new Proxy(store, {
    get(target, name) {
      const value = replaced[name] ?? Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

  async function put(key, bytes, condition) {
    if (!rivalDone && condition?.ifMatch !== undefined && key.endsWith(FAULT_RIVAL)) {
      rivalDone = true
      const rival = await EmbeddedCatalog.open(await LocalObjectStore.open(folder))
      await rival.commit([{ kind: 'create-namespace', namespace: ['rival'] }], { message: 'a rival commit' })
    }
    return store.put(key, bytes, FAULT_PLAIN ? undefined : condition)
  }
}

async function write(what, work) {
  const number = ++writes
  if (FAULT_LOG) appendFileSync(FAULT_LOG, `${number} ${what}\n`)
  if (faultAt === String(number) && faultMoment === 'before') die()
  const result = await work()
  if (faultAt === String(number) && faultMoment === 'after') die()
  return result
}

function die() {
  process.kill(process.pid, 'SIGKILL')
  // Nothing more happens on this thread while the signal is on its way.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: 'faulty-storage',
  provides: [ObjectStorePort],
  async setup({ project }) {
    const folder = path.join(project.dir, '.phlo/lake')
    return [provide(ObjectStorePort, faulty(await LocalObjectStore.open(folder), folder))]
  },
})
