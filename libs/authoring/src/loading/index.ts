export { checkTypes, type TypeCheck, type TypeProblem } from './check-types.js'
export { openPlugins, openWorkspace, type Workspace, type WorkspaceOptions } from './open-workspace.js'
