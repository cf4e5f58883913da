/** What is used of DuckDB's syntax tree, as `json_serialize_sql` writes it. Names are DuckDB's own. */
export interface SqlNode {
  readonly class?: string
  readonly type?: string
  readonly alias?: string
  /** Bytes before it in the statement; beyond any text where DuckDB knows no place. */
  readonly query_location?: number | bigint
}

export interface TableNode extends SqlNode {
  readonly catalog_name?: string
  readonly schema_name?: string
  readonly table_name?: string
  readonly column_name_alias?: readonly string[]
  readonly sample?: unknown
  readonly at_clause?: { readonly unit: string; readonly expr: SqlNode } | null
}

export interface JoinNode extends SqlNode {
  readonly left: SqlNode
  readonly right: SqlNode
  readonly condition?: SqlNode | null
  readonly join_type: string
  readonly ref_type: string
  readonly using_columns?: readonly string[]
}

export interface SubqueryRef extends SqlNode {
  readonly subquery: { readonly node: QueryNode }
  readonly column_name_alias?: readonly string[]
  readonly sample?: unknown
}

export interface CommonTables {
  readonly map: readonly { readonly key: string; readonly value: CommonTable }[]
}

export interface CommonTable {
  readonly query?: { readonly node?: QueryNode }
  readonly aliases?: readonly string[]
}

export interface QueryNode extends SqlNode {
  readonly cte_map?: CommonTables
  readonly modifiers?: readonly { readonly type: string; readonly distinct_on_targets?: readonly unknown[] }[]
  readonly select_list?: readonly SelectItem[]
  readonly from_table?: SqlNode
  readonly where_clause?: SqlNode | null
  readonly group_expressions?: readonly unknown[]
  readonly group_sets?: readonly unknown[]
  readonly aggregate_handling?: string
  readonly having?: unknown
  readonly qualify?: unknown
  readonly sample?: unknown
}

export interface SelectItem extends SqlNode {
  readonly column_names?: readonly string[]
  readonly relation_name?: string
  readonly exclude_list?: readonly unknown[]
  readonly qualified_exclude_list?: readonly unknown[]
  readonly replace_list?: readonly unknown[]
  readonly rename_list?: readonly unknown[]
  readonly columns?: boolean
  readonly expr?: unknown
}

export interface TypeNode {
  readonly id: string
  readonly type_info?: { readonly width?: number; readonly scale?: number } | null
}

/** An expression, with the properties that any kind of it may have. */
export interface ExpressionNode extends SqlNode {
  readonly column_names?: readonly string[]
  readonly children?: readonly ExpressionNode[]
  readonly child?: ExpressionNode
  readonly left?: ExpressionNode
  readonly right?: ExpressionNode
  readonly input?: ExpressionNode
  readonly lower?: ExpressionNode
  readonly upper?: ExpressionNode
  readonly function_name?: string
  readonly identifier?: string
  readonly value?: { readonly type: TypeNode; readonly is_null: boolean; readonly value?: unknown }
  readonly cast_type?: TypeNode
}
