export { answers } from './answers.js'
export { freePort } from './free-port.js'
export { javaOf } from './programs/java.js'
export { mavenFile } from './programs/maven.js'
export {
  bucketOptions,
  type IcebergRestServer,
  type MinioServer,
  type NessieServer,
  type PostgresServer,
  runningServer,
  type TrinoServer,
} from './running-server.js'
export { versions } from './versions.js'
