import { randomUUID } from 'node:crypto'
import { stackFolder } from './places.js'
import { isRunning } from './process-mark.js'
import { servers } from './servers.js'
import { bucket, region } from './servers/minio.js'
import { warehouse } from './servers/nessie.js'
import { database, superuser } from './servers/postgres.js'
import { StackError } from './stack-error.js'
import { readState, type ServerName, type StackState } from './stack-state.js'
import { addressOf } from './start.js'

export interface MinioServer {
  readonly endpoint: string
  readonly region: string
  /** A bucket that is there; clients may make others. */
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface NessieServer {
  /** Of Nessie's own API: `http://127.0.0.1:20123/api/v2`. */
  readonly api: string
  /** Of its Iceberg REST catalog: `http://127.0.0.1:20123/iceberg`. */
  readonly iceberg: string
  readonly warehouse: string
}

export interface IcebergRestServer {
  /** `http://127.0.0.1:20124`; paths begin with `/v1/`. */
  readonly uri: string
}

export interface TrinoServer {
  /** `http://127.0.0.1:20125`; any user name, no password. */
  readonly uri: string
}

export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

interface RunningServers {
  readonly minio: MinioServer
  readonly nessie: NessieServer
  readonly 'iceberg-rest': IcebergRestServer
  readonly trino: TrinoServer
  readonly postgres: PostgresServer
}

/** How a running server is reached. Throws a StackError that says how to start it when it does not run. */
export function runningServer<Name extends ServerName>(name: Name): RunningServers[Name] {
  const state = readState(stackFolder())
  const mark = state?.servers[name]?.process
  if (!state || !mark || !isRunning(mark)) {
    throw new StackError(`${name} does not run: npm run stack:up -- ${name}`)
  }
  return reached[name](state)
}

/**
 * Options of storage-minio for a place that nobody else has: in the running MinIO's bucket, below a folder of that name.
 * Throws a StackError when it does not run.
 */
export function bucketOptions(folder: string): Omit<MinioServer, 'accessKeyId' | 'secretAccessKey'> & {
  readonly prefix: string
  readonly credentials: Pick<MinioServer, 'accessKeyId' | 'secretAccessKey'>
} {
  const { accessKeyId, secretAccessKey, ...place } = runningServer('minio')
  return { ...place, prefix: `${folder}/${randomUUID()}`, credentials: { accessKeyId, secretAccessKey } }
}

const reached: { readonly [Name in ServerName]: (state: StackState) => RunningServers[Name] } = {
  minio: (state) => ({
    endpoint: addressIn(state, 'minio'),
    region,
    bucket,
    accessKeyId: state.secrets.minioUser,
    secretAccessKey: state.secrets.minioPassword,
  }),
  nessie: (state) => {
    const address = addressIn(state, 'nessie')
    return { api: `${address}/api/v2`, iceberg: `${address}/iceberg`, warehouse }
  },
  'iceberg-rest': (state) => ({ uri: addressIn(state, 'iceberg-rest') }),
  trino: (state) => ({ uri: addressIn(state, 'trino') }),
  postgres: (state) => {
    const [host = '', port = ''] = addressIn(state, 'postgres').split(':')
    return { host, port: Number(port), database, user: superuser, password: state.secrets.postgresPassword }
  },
}

function addressIn(state: StackState, name: ServerName): string {
  const server = servers.find((candidate) => candidate.name === name)
  const ports = state.servers[name]?.ports
  if (!server || !ports) throw new StackError(`${name} was never started`)
  return addressOf(server, ports)
}
