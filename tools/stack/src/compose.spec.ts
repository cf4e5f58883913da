import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { versions } from './versions.js'

interface Service {
  readonly image: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
}

const folder = path.resolve(import.meta.dirname, '../../../deploy')
const { services, volumes } = parse(readFileSync(path.join(folder, 'compose.yaml'), 'utf8')) as {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}
/** Those that stay up; `bucket` ends when it has made the bucket. */
const servers = Object.entries(services).filter(([name]) => name !== 'bucket')
const settings = Object.values(services).flatMap(({ environment = {} }) => Object.entries(environment))

describe('deploy/compose.yaml', () => {
  it('has the servers of the server profile', () => {
    expect(Object.keys(services).sort()).toEqual(['bucket', 'minio', 'nessie', 'postgres', 'trino'])
  })

  it('runs the versions that are tested', () => {
    expect(services['nessie']?.image).toBe(`ghcr.io/projectnessie/nessie:${versions.nessie.version}`)
    expect(services['trino']?.image).toBe(`trinodb/trino:${versions.trino.version}`)
    for (const { image } of Object.values(services)) expect(image).toMatch(/:(RELEASE\.|\d)/)
  })

  it('listens on this machine alone', () => {
    for (const [, { ports = [] }] of servers) {
      expect(ports.length).toBeGreaterThan(0)
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_]+:-\d+\}:\d+$/)
    }
  })

  it('knows when a server is healthy, and waits for it', () => {
    for (const [, { healthcheck }] of servers) expect(healthcheck?.test[0]).toBe('CMD')
    for (const { depends_on = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(condition).toBe(name === 'bucket' ? 'service_completed_successfully' : 'service_healthy')
      }
    }
  })

  it('keeps what must be kept in volumes', () => {
    const named = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]))
    expect(named.sort()).toEqual(Object.keys(volumes).sort())
    expect(services['nessie']?.environment?.['nessie.version.store.type']).toBe('JDBC2')
  })

  it('has no secret, and names each in env.example', () => {
    const example = readFileSync(path.join(folder, 'env.example'), 'utf8')
    const named = [...example.matchAll(/^([A-Z_]+)=(.*)$/gm)]
    expect(named.map(([, , value]) => value)).toEqual(named.map(() => ''))
    const secrets = settings.filter(([name]) => /password|secret$|_user|s3\.name/i.test(name))
    const given = secrets.map(([, value]) => /^\$\{([A-Z_]+):\?.+\}$/.exec(value)?.[1])
    // PostgreSQL's user is none.
    expect(given.filter((name) => name === undefined)).toHaveLength(1)
    expect([...new Set(given.filter((name) => name !== undefined))].sort()).toEqual(
      named.map(([, name]) => name).sort(),
    )
  })
})
