import { parentPort, workerData } from 'node:worker_threads'
import { checkTypes } from '@phlo/authoring/loading'
import type { TypeCheckRequest } from './type-check.js'

const { files, hash, projectDir } = workerData as TypeCheckRequest
parentPort?.postMessage(await checkTypes(files, hash, projectDir, import.meta.url))
