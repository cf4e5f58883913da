import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { answers } from '../answers.js'
import { javaOf } from '../programs/java.js'
import { mavenJars } from '../programs/maven.js'
import type { Server } from '../server.js'
import { bucket, region } from './minio.js'

const pom = fileURLToPath(new URL('../../java/iceberg-rest.xml', import.meta.url))

/** The Iceberg project's own reference server, as its tests use it: tables in SQLite, metadata and data in the bucket. */
export const icebergRest: Server = {
  name: 'iceberg-rest',
  needs: ['minio'],
  ports: ['http'],
  patience: 60_000,
  getting: 'Maven gets the Iceberg reference server once, 100 MB',

  async launch({ folder, ports, secrets, address }) {
    await mkdir(folder, { recursive: true })
    const jars = await mavenJars('iceberg-rest', pom)
    return {
      command: await javaOf(17),
      args: ['-Xmx256m', '-XX:+UseSerialGC', '-cp', path.join(jars, '*'), 'org.apache.iceberg.rest.RESTCatalogServer'],
      // The server reads a catalog's properties from here: `__` stands for `-` and `_` for `.`.
      env: {
        CATALOG_REST_PORT: String(ports['http']),
        CATALOG_URI: `jdbc:sqlite:${path.join(folder, 'catalog.db')}`,
        // SQLite takes one writer.
        CATALOG_CLIENTS: '1',
        CATALOG_WAREHOUSE: `s3://${bucket}/iceberg-rest`,
        // Tables come with keys for their files.
        CATALOG_INCLUDE__CREDENTIALS: 'true',
        CATALOG_IO__IMPL: 'org.apache.iceberg.aws.s3.S3FileIO',
        CATALOG_S3_ENDPOINT: address('minio'),
        CATALOG_S3_PATH__STYLE__ACCESS: 'true',
        CATALOG_S3_ACCESS__KEY__ID: secrets.minioUser,
        CATALOG_S3_SECRET__ACCESS__KEY: secrets.minioPassword,
        AWS_REGION: region,
      },
    }
  },

  ready: (ports) => answers(`http://127.0.0.1:${ports['http']}/v1/config`),
}
