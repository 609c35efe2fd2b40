import t from 'tap'
import { temporaryFolder } from '../helpers/app.ts'
import { replicas } from './replicas.ts'

replicas(t, t => ({ DATA_DIR: temporaryFolder(t) }), { travels: true })
