export { PlainCatalog } from './plain-catalog.js'
