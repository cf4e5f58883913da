import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { answers } from '../answers.js'
import { javaOf } from '../programs/java.js'
import { mavenFile } from '../programs/maven.js'
import type { Server } from '../server.js'
import { versions } from '../versions.js'
import { bucket, region } from './minio.js'

export const warehouse = 'warehouse'

/** Keeps its data in RocksDB, so that it is there again after a stop. */
export const nessie: Server = {
  name: 'nessie',
  needs: ['minio'],
  ports: ['http', 'management'],
  patience: 120_000,
  getting: 'Maven gets Nessie once, 245 MB',

  async launch({ folder, ports, secrets, address }) {
    const data = path.join(folder, 'data')
    await mkdir(data, { recursive: true })
    const s3 = 'nessie.catalog.service.s3.default-options'
    const settings = {
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': ports['http'],
      'quarkus.management.host': '127.0.0.1',
      'quarkus.management.port': ports['management'],
      // What it tells of itself would go nowhere.
      'quarkus.otel.sdk.disabled': true,
      'nessie.version.store.type': 'ROCKSDB',
      'nessie.version.store.persist.rocks.database-path': data,
      'nessie.catalog.default-warehouse': warehouse,
      [`nessie.catalog.warehouses.${warehouse}.location`]: `s3://${bucket}/nessie/`,
      [`${s3}.endpoint`]: `${address('minio')}/`,
      [`${s3}.region`]: region,
      [`${s3}.path-style-access`]: true,
      [`${s3}.auth-type`]: 'STATIC',
      [`${s3}.access-key`]: 'urn:nessie-secret:quarkus:phlo-stack.s3',
      'phlo-stack.s3.name': secrets.minioUser,
      'phlo-stack.s3.secret': secrets.minioPassword,
    }
    return {
      command: await javaOf(21),
      args: ['-Xmx384m', '-XX:+UseSerialGC', '-jar', await mavenFile(versions.nessie)],
      // Read from the folder that it is started in. On the command line everybody could read the secrets.
      files: { 'config/application.properties': properties(settings) },
    }
  },

  ready: (ports) => answers(`http://127.0.0.1:${ports['management']}/q/health/ready`),
}

function properties(settings: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}\n`)
    .join('')
}
