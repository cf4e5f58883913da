import type { Server } from './server.js'
import { icebergRest } from './servers/iceberg-rest.js'
import { minio } from './servers/minio.js'
import { nessie } from './servers/nessie.js'
import { postgres } from './servers/postgres.js'
import { trino } from './servers/trino.js'
import type { ServerName } from './stack-state.js'

/** Every server, after those that it needs. */
export const servers: readonly Server[] = [minio, nessie, icebergRest, trino, postgres]

/** The servers of these names and those that they need, in the order of their start; all where none is named. */
export function serversNamed(names: readonly ServerName[]): Server[] {
  const wanted = new Set<ServerName>(names)
  for (const { name, needs } of [...servers].reverse()) if (wanted.has(name)) for (const need of needs) wanted.add(need)
  return servers.filter(({ name }) => names.length === 0 || wanted.has(name))
}

/** The servers of these names and those that need them, in the order of their end; all where none is named. */
export function serversResting(names: readonly ServerName[]): Server[] {
  const resting = new Set<ServerName>(names)
  for (const { name, needs } of servers) if (needs.some((need) => resting.has(need))) resting.add(name)
  return servers.filter(({ name }) => names.length === 0 || resting.has(name)).reverse()
}
