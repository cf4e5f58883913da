export { boundedText } from './bounded-body.js'
export { backoff, pause, retryAfter } from './retry-pause.js'
export { withoutSecrets } from './without-secrets.js'
