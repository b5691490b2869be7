// AlterConfigs (33), versions 0-2: replaces all settings of a resource; those not named return to
// their defaults, which is why IncrementalAlterConfigs has come to take its place. v2 flexible.
import { KafkaError } from '../../base/errors.ts'
import type { Controller } from '../../cluster/controller.ts'
import type { ConfigChange } from '../../cluster/decide-configs.ts'
import type {
  AlterConfigsRequest,
  AlterConfigsResourceResponse,
  AlterConfigsResponse,
} from '../../wire/messages/33-alter-configs.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import { orRefusal } from '../refusal.ts'

/** What the handler needs. */
export interface AlterConfigsDeps {
  readonly controller: Pick<Controller, 'alterConfigs'>
}

/** Changes settings and answers for each resource: what both APIs that alter have in common. */
export const alter = async (
  { controller }: AlterConfigsDeps,
  changes: readonly ConfigChange[],
  validateOnly: boolean,
): Promise<readonly AlterConfigsResourceResponse[]> => {
  const outcome = await orRefusal(controller.alterConfigs(changes, validateOnly))
  const results =
    outcome instanceof KafkaError
      ? changes.map((change) => ({ ...change, code: outcome.code, message: outcome.message }))
      : outcome
  return results.map(({ resourceType, resourceName, code, message }) => ({
    errorCode: code,
    errorMessage: message,
    resourceType,
    resourceName,
  }))
}

/** Answers AlterConfigs. */
export const alterConfigs =
  (deps: AlterConfigsDeps): Handler<AlterConfigsRequest, Input<AlterConfigsResponse>> =>
  async ({ resources, validateOnly }) => {
    const changes = resources.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      replace: configs,
    }))
    return { responses: await alter(deps, changes, validateOnly) }
  }
