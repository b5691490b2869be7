// What `config explain` prints: every setting a broker has, its value, and who set it where.
import { BROKER_SETTINGS } from './broker-settings.ts'
import type { LoadedSettings } from './load.ts'
import { environmentName } from './load.ts'

/** One row of the explanation. */
export interface ExplainedSetting {
  readonly name: string
  /** As text; null when it is not set; secrets are not shown. */
  readonly value: string | null
  readonly source: 'default' | 'file' | 'environment' | 'flag'
  readonly default: string | null
  readonly type: string
  readonly doc: string
  /** The variable that would set it. */
  readonly environment: string
  /** Whether it may be altered while the broker runs. */
  readonly dynamic: boolean
  /** Why it changes nothing, if it does not. */
  readonly noEffect: string | null
}

/** All settings by name. */
export const explainSettings = (loaded: LoadedSettings): readonly ExplainedSetting[] =>
  BROKER_SETTINGS.map((setting) => {
    const { name, type, doc } = setting
    const set = loaded.values.get(name)
    const value = set ?? setting.default
    return {
      name,
      value: type === 'password' && value !== null ? '(hidden)' : value,
      source: loaded.origins.get(name)?.source ?? 'default',
      default: setting.default,
      type,
      doc,
      environment: environmentName(name),
      dynamic: setting.dynamic === true,
      noEffect: setting.noEffect ?? null,
    }
  })
