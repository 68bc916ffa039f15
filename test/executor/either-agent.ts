/** The agent's program beside an executor under attack: the honest one, or the hostile one while there is a plan for it. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { planFile } from './hostile-plan.ts'

const [home = ''] = process.argv.slice(2)
await (existsSync(path.join(home, planFile)) ? import('./hostile-program.ts') : import('./agent-program.ts'))
