// Where a setting's value comes from. Layers, the first that has a value wins: the topic's own
// setting, the broker's own dynamic one, the dynamic default of all brokers, what the process was
// started with, the table's default. The same layers answer DescribeConfigs (KIP-226) and make the
// typed values, so that what is told and what is done cannot differ. Typed values are cached by
// the identity of the immutable maps they were made of.
import { must } from '../base/assert.ts'
import { BROKER_SETTINGS, brokerSetting } from './broker-settings.ts'
import type { BrokerSettings } from './broker-values.ts'
import { MAIN_STORE, brokerValues } from './broker-values.ts'
import type { Setting } from './setting.ts'
import { listItems, settingFault } from './setting.ts'
import { nearest } from './nearest.ts'
import { TOPIC_SETTINGS, topicSetting } from './topic-settings.ts'
import type { TopicSettings } from './topic-values.ts'
import { quorumOf, topicValues } from './topic-values.ts'

/** Settings by name, as text. Never changed after it is made: its identity keys caches. */
export type ConfigMap = ReadonlyMap<string, string>

/** Kafka's numbers for where a value comes from. */
export const ConfigSource = {
  DYNAMIC_TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const

/** One place where a value for a setting was found. */
export interface Layer {
  /** The name it has there: a topic setting's value may stand under its synonym's name. */
  readonly name: string
  readonly value: string
  readonly source: number
}

/** A setting with its value and all places that have one, the deciding place first. */
export interface ResolvedSetting {
  readonly setting: Setting
  /** Null when it is not set anywhere and has no default. */
  readonly value: string | null
  readonly source: number
  readonly layers: readonly Layer[]
}

/** Settings altered while the cluster runs: this broker's own, and those of all brokers. */
export interface DynamicSettings {
  readonly own: ConfigMap
  readonly shared: ConfigMap
}

const NONE: ConfigMap = new Map()

/** Nothing was altered. */
export const NO_DYNAMIC: DynamicSettings = { own: NONE, shared: NONE }

/** All settings of one broker, and of topics as this broker sees them. */
export class Settings {
  /** What the process was started with: file, environment and flags, checked. */
  readonly #statics: ConfigMap
  #dynamic: DynamicSettings = NO_DYNAMIC
  #broker: BrokerSettings | null = null
  #topics = new WeakMap<ConfigMap, TopicSettings>()

  constructor(statics: ConfigMap = NONE) {
    this.#statics = statics
  }

  /** Takes note of altered settings; does nothing when they are the ones known. */
  setDynamic(dynamic: DynamicSettings): void {
    if (dynamic.own === this.#dynamic.own && dynamic.shared === this.#dynamic.shared) return
    this.#dynamic = dynamic
    this.#broker = null
    this.#topics = new WeakMap()
  }

  /** This broker's settings as they are now. */
  get broker(): BrokerSettings {
    this.#broker ??= brokerValues((name) => this.#brokerText(name))
    return this.#broker
  }

  /** A topic's settings; the same object for the same map while no broker setting changes. */
  topic(configs: ConfigMap): TopicSettings {
    const known = this.#topics.get(configs)
    if (known !== undefined) return known
    const text = (name: string): string => {
      const setting = must(topicSetting(name), 'A typed topic setting stands in the table')
      return must(this.resolveTopic(setting, configs).value, 'Every topic setting has a default')
    }
    const values = topicValues(text, (name) => configs.has(name))
    this.#topics.set(configs, values)
    return values
  }

  #brokerText(name: string): string | null {
    const setting = must(brokerSetting(name), 'A typed broker setting stands in the table')
    return this.resolveBroker(setting).value
  }

  #layers(setting: Setting, dynamic: DynamicSettings): Layer[] {
    const { name } = setting
    const layers: Layer[] = []
    const add = (value: string | null | undefined, source: number): void => {
      if (value !== null && value !== undefined) layers.push({ name, value, source })
    }
    add(dynamic.own.get(name), ConfigSource.DYNAMIC_BROKER)
    add(dynamic.shared.get(name), ConfigSource.DYNAMIC_DEFAULT_BROKER)
    add(this.#statics.get(name), ConfigSource.STATIC_BROKER)
    add(setting.default, ConfigSource.DEFAULT)
    return layers
  }

  /** A broker setting; of this broker as it is now, or with other dynamic settings. */
  resolveBroker(setting: Setting, dynamic: DynamicSettings = this.#dynamic): ResolvedSetting {
    const layers = this.#layers(setting, dynamic)
    const first = layers[0]
    const source = first?.source ?? ConfigSource.DEFAULT
    return { setting, value: first?.value ?? null, source, layers }
  }

  /** A topic setting of a topic with these settings of its own. */
  resolveTopic(setting: Setting, configs: ConfigMap): ResolvedSetting {
    const own = configs.get(setting.name)
    const layers: Layer[] = []
    if (own !== undefined) {
      layers.push({ name: setting.name, value: own, source: ConfigSource.DYNAMIC_TOPIC })
    }
    const inherited = (setting.synonyms ?? []).flatMap(({ name, scale }) => {
      const row = must(brokerSetting(name), 'A synonym is a broker setting')
      return this.#layers(row, this.#dynamic).map((layer) => ({ ...layer, scale: scale ?? 1 }))
    })
    // Dynamic before static before default, whatever the name; the smaller unit wins within one.
    inherited.sort((a, b) => a.source - b.source)
    for (const { name, value, source } of inherited) layers.push({ name, value, source })
    if (own !== undefined) {
      return { setting, value: own, source: ConfigSource.DYNAMIC_TOPIC, layers }
    }
    const first = inherited[0]
    if (first === undefined) {
      if (setting.default !== null) {
        const { name, default: value } = setting
        layers.push({ name, value, source: ConfigSource.DEFAULT })
      }
      return { setting, value: setting.default, source: ConfigSource.DEFAULT, layers }
    }
    const { value, source, scale } = first
    const isScaled = scale !== 1 && !value.startsWith('-')
    return { setting, value: isScaled ? String(Number(value) * scale) : value, source, layers }
  }

  /** What is wrong with a topic's own settings on this broker, as one sentence; or null. */
  topicFault(configs: ConfigMap): string | null {
    const fault = topicConfigFault(configs)
    if (fault !== null) return fault
    const known = [MAIN_STORE, ...this.broker.mirrors.map(({ name }) => name)]
    const strange = listItems(configs.get('tier.stores') ?? '').find((one) => !known.includes(one))
    if (strange === undefined) return null
    return (
      `Invalid value ${strange} for setting tier.stores: this broker has no such store; it has ` +
      `${known.join(', ')}, and others are told to it by --mirror NAME=URL`
    )
  }

  /** Every topic setting of a topic with these settings of its own, by name. */
  describeTopic(configs: ConfigMap): readonly ResolvedSetting[] {
    return TOPIC_SETTINGS.map((setting) => this.resolveTopic(setting, configs))
  }

  /** Every broker setting, by name. */
  describeBroker(dynamic: DynamicSettings = this.#dynamic): readonly ResolvedSetting[] {
    return BROKER_SETTINGS.map((setting) => this.resolveBroker(setting, dynamic))
  }

  /** Write and seal quorum of a topic. */
  quorum(configs: ConfigMap, replicas: number): { readonly write: number; readonly seal: number } {
    return quorumOf(this.topic(configs), replicas)
  }
}

const unknownName = (what: string, name: string, known: readonly Setting[]): string => {
  const near = nearest(
    name,
    known.map((setting) => setting.name),
  )
  return `Unknown ${what} config name: ${name}${near === null ? '' : ` (did you mean ${near}?)`}`
}

/** What is wrong with a topic's own settings, as one sentence; or null. */
export const topicConfigFault = (configs: ConfigMap): string | null => {
  for (const [name, value] of configs) {
    const setting = topicSetting(name)
    if (setting === undefined) return unknownName('topic', name, TOPIC_SETTINGS)
    const fault = settingFault(setting, value)
    if (fault !== null) return fault
  }
  const isTiered = configs.get('remote.storage.enable')?.trim().toLowerCase() === 'true'
  if (isTiered && listItems(configs.get('cleanup.policy') ?? '').includes('compact')) {
    return 'remote.storage.enable=true needs cleanup.policy=delete: a compacted topic is not tiered'
  }
  const ackAfter = configs.get('ack.after')
  const caching = configs.get('write.caching')
  if (ackAfter !== undefined && caching !== undefined) {
    if ((ackAfter === 'memory') !== (caching.trim().toLowerCase() === 'true')) {
      return `write.caching=${caching} contradicts ack.after=${ackAfter}: set one of them`
    }
  }
  return null
}

/** What is wrong with a broker's dynamic settings, as one sentence; or null. */
export const brokerConfigFault = (configs: ConfigMap): string | null => {
  for (const [name, value] of configs) {
    const setting = brokerSetting(name)
    if (setting === undefined) return unknownName('broker', name, BROKER_SETTINGS)
    if (setting.dynamic !== true) {
      return `Setting ${name} cannot be altered while the broker runs: start it with another value`
    }
    const fault = settingFault(setting, value)
    if (fault !== null) return fault
  }
  return null
}

/** The default of a list setting, from which APPEND and SUBTRACT begin; null if it is no list. */
export const listDefault = (owner: 'topic' | 'broker', name: string): string | null => {
  const setting = owner === 'topic' ? topicSetting(name) : brokerSetting(name)
  return setting?.type === 'list' ? (setting.default ?? '') : null
}
