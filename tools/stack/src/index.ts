export {
  type IcebergRestServer,
  type MinioServer,
  type NessieServer,
  type PostgresServer,
  runningServer,
  type TrinoServer,
} from './running-server.js'
