export { checkTypes, type TypeCheck, type TypeProblem } from './check-types.js'
export { importFile, loadWorkflows, withQuality, type Workflows } from './load-workflows.js'
