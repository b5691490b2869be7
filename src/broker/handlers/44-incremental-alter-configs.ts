// IncrementalAlterConfigs (44), versions 0-1: sets, deletes, appends to and subtracts from single
// settings (KIP-339). v1 flexible.
import type {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../wire/messages/44-incremental-alter-configs.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { AlterConfigsDeps } from './33-alter-configs.ts'
import { alter } from './33-alter-configs.ts'

/** Answers IncrementalAlterConfigs. */
export const incrementalAlterConfigs =
  (
    deps: AlterConfigsDeps,
  ): Handler<IncrementalAlterConfigsRequest, Input<IncrementalAlterConfigsResponse>> =>
  async ({ resources, validateOnly }) => {
    const changes = resources.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      steps: configs.map(({ name, configOperation, value }) => ({
        name,
        operation: configOperation,
        value,
      })),
    }))
    return { responses: await alter(deps, changes, validateOnly) }
  }
