import type { Descriptor } from '../providers/descriptor.ts'
import { genericKinds, type GenericKind } from '../providers/setup/generic.ts'
import type { Catalogue } from '../providers/catalogue/index.ts'
import { proxyVariables } from '../providers/http/proxies.ts'
import { openidVariables } from '../providers/setup/common-variables.ts'
import { instanceList } from '../providers/setup/read.ts'
import { usualVariables } from '../providers/setup/variables.ts'
import { variables } from './variables.ts'
import type { Variable, Variables } from '../env/variable.ts'

/**
 * Every variable that documents show, by its name. Common provider variables are shown once per protocol, by the
 * first provider of that kind; of all others only what is their own, and what they need as no other does. What any
 * OpenID provider may need is shown with those that the operator describes.
 */
export function documentedVariables (catalogue: Catalogue): Array<[name: string, variable: Variable]> {
  const firsts = new Map<string, Variables>()
  const ofProviders = Object.entries(catalogue).flatMap(([id, descriptor]) => {
    const first = firsts.get(descriptor.kind)
    const usual = usualVariables(descriptor)
    if (!first) firsts.set(descriptor.kind, usual)
    return prefixed(`${id.toUpperCase()}_`, first ? unusual(descriptor, first) : withoutOpenid(usual))
  })
  const ofGeneric = Object.entries<GenericKind>(genericKinds).flatMap(([kind, { variables }]) => {
    const prefix = `${kind.toUpperCase()}_`
    return [[`${prefix}PROVIDERS`, instanceList('acme,partner')] as [string, Variable], ...prefixed(`${prefix}<ID>_`, variables)]
  })
  return [...Object.entries<Variable>(variables), ...Object.entries<Variable>(proxyVariables), ...ofProviders, ...ofGeneric]
}

const withoutOpenid = (usual: Variables): Variables =>
  Object.fromEntries(Object.entries(usual).filter(([name]) => !(name in openidVariables)))

const unusual = (descriptor: Descriptor, first: Variables): Variables => Object.fromEntries(
  Object.entries(usualVariables(descriptor)).filter(([name, { required }]) =>
    !(name in first) || name in (descriptor.variables ?? {}) || (required && !first[name]?.required)))

const prefixed = (prefix: string, table: Record<string, Variable>) =>
  Object.entries(table).map(([name, variable]): [string, Variable] => [prefix + name, variable])
