import { mkdir, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { answers } from '../answers.js'
import { javaOf } from '../programs/java.js'
import { mavenArchive } from '../programs/maven.js'
import type { Server } from '../server.js'
import { versions } from '../versions.js'

/** Of its many plugins those that Phlo is tested with: each one more takes time to load. */
const plugins = ['iceberg', 'memory', 'openlineage', 'postgresql', 'tpcds', 'tpch']

/** Catalogs are made and dropped by its clients at run time, one for each reference of Nessie. */
export const trino: Server = {
  name: 'trino',
  needs: ['nessie'],
  ports: ['http'],
  patience: 300_000,
  getting: 'Maven gets Trino once, 821 MB',

  async launch({ folder, ports }) {
    const data = path.join(folder, 'data')
    await mkdir(data, { recursive: true })
    const home = await mavenArchive(versions.trino)
    const pluginFolder = path.join(folder, 'plugin')
    await rm(pluginFolder, { recursive: true, force: true })
    await mkdir(pluginFolder)
    for (const name of plugins) await symlink(path.join(home, 'plugin', name), path.join(pluginFolder, name))
    const config = path.join(folder, 'etc', 'config.properties')
    return {
      // As its launcher would, in one process that is known by its number.
      command: await javaOf(24),
      args: [
        '-Xmx1536m',
        '-XX:+UseSerialGC',
        '-XX:+ExitOnOutOfMemoryError',
        '-Dfile.encoding=UTF-8',
        '-Djdk.attach.allowAttachSelf=true',
        '--add-modules=jdk.incubator.vector',
        '--enable-native-access=ALL-UNNAMED',
        '--sun-misc-unsafe-memory-access=allow',
        `-Dconfig=${config}`,
        `-Dlog.levels-file=${path.join(folder, 'etc', 'log.properties')}`,
        '-Dnode.environment=phlo',
        '-Dnode.id=phlo',
        `-Dnode.data-dir=${data}`,
        '-cp',
        path.join(home, 'lib', '*'),
        'io.trino.server.TrinoServer',
      ],
      files: {
        'etc/config.properties': [
          'coordinator=true',
          'node-scheduler.include-coordinator=true',
          'node.bind-ip=127.0.0.1',
          'node.internal-address=127.0.0.1',
          `http-server.http.port=${ports['http']}`,
          `discovery.uri=http://127.0.0.1:${ports['http']}`,
          'catalog.management=dynamic',
          `plugin.dir=${pluginFolder}`,
          'query.max-memory-per-node=600MB',
          'memory.heap-headroom-per-node=300MB',
          '',
        ].join('\n'),
        'etc/log.properties': 'io.trino=INFO\n',
      },
    }
  },

  ready: (ports) => answers(`http://127.0.0.1:${ports['http']}/v1/info`, (body) => /"starting"\s*:\s*false/.test(body)),
}
