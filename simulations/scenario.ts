/** The scenarios: under what weather a mesh lives, what goes wrong, who means harm, and what is ordered meanwhile. */
import { agentChurn, crashStorm, endpointChurn, restoredBackups } from './scenarios/churn.ts'
import { calm, gossipOff, lossy, partitionAndHeal } from './scenarios/weather.ts'
import { clockChaos, equivocator, flood, hostileAgent, mixed } from './scenarios/trouble.ts'
import type { Scenario } from './story.ts'

export type { Scenario, Story } from './story.ts'
export { oneOrder, oneOrderAtMs } from './scenarios/weather.ts'

export const scenarios: readonly Scenario[] = [
  calm, lossy, partitionAndHeal, endpointChurn, agentChurn, crashStorm, restoredBackups, clockChaos, flood, gossipOff, equivocator, hostileAgent, mixed
]
