import type { components } from './schema';

type Schemas = components['schemas'];

export type User = Schemas['User'];
export type Role = Schemas['Role'];
export type Document = Schemas['Document'];
export type DocumentChange = Schemas['UpdateDocument'];
export type Indentation = Schemas['Indentation'];
export type LineEnd = Schemas['LineEnd'];
export type Collaborator = Schemas['Collaborator'];
export type Version = Schemas['Version'];
export type ShareLink = Schemas['Link'];
export type CreatedLink = Schemas['CreatedLink'];
