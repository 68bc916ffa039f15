/**
 * Writ as a library: make a mesh, bring nodes in, give orders and watch them; or run a node over parts of your own.
 * The command line is built on exactly this.
 */
export { createAdmin } from './admin.ts'
export { audit, type AuditEvent, type AuditOptions, type AuditSummary } from './file-audit.ts'
export { backUp, type BackupReport } from './file-backup.ts'
export { createInvite } from './invite.ts'
export { createMesh, type MeshOptions } from './mesh.ts'
export { bootstrapEndpoint, joinMesh, type Joined, type JoinOptions } from './join.ts'
export { readStatus } from './status.ts'
export { restore } from './file-restore.ts'
export { createNode, type Node, type NodeDeps, type NodeOptions, type NodeVitals } from '../node/node.ts'
export type * from './types.ts'
export { isWritError, WritError } from '../base/errors.ts'
