import { genericKinds, type GenericKind } from '../providers/generic.ts'
import type { Catalogue } from '../providers/index.ts'
import { instanceList } from './providers.ts'
import { usualVariables } from './provider-variables.ts'
import { variables, type Variable } from './variables.ts'

/**
 * Every variable that documents show, by its name. The usual ones of providers are shown once for each kind, by the
 * first provider of that kind; of all others only what is their own.
 */
export function documentedVariables (catalogue: Catalogue): Array<[name: string, variable: Variable]> {
  const kinds = new Set<string>()
  const ofProviders = Object.entries(catalogue).flatMap(([id, descriptor]) => {
    const shown = kinds.has(descriptor.kind) ? { ...descriptor.variables } : usualVariables(descriptor)
    kinds.add(descriptor.kind)
    return prefixed(`${id.toUpperCase()}_`, shown)
  })
  const ofGeneric = Object.entries<GenericKind>(genericKinds).flatMap(([kind, { variables }]) => {
    const prefix = `${kind.toUpperCase()}_`
    return [[`${prefix}PROVIDERS`, instanceList('acme,partner')] as [string, Variable], ...prefixed(`${prefix}<ID>_`, variables)]
  })
  return [...Object.entries<Variable>(variables), ...ofProviders, ...ofGeneric]
}

const prefixed = (prefix: string, table: Record<string, Variable>) =>
  Object.entries(table).map(([name, variable]): [string, Variable] => [prefix + name, variable])
