package sqlite

import "strings"

// functions are those that user statements may call, by registered name (S54). The
// helpers of ALTER TABLE at the end can be called by SQLite alone, which sees to that.
var functions = set(`
	abs changes char coalesce concat concat_ws format glob hex ifnull iif instr last_insert_rowid length like
	likelihood likely lower ltrim max min nullif octet_length printf quote random randomblob replace round rtrim
	sign soundex substr substring total_changes trim typeof unhex unicode unlikely upper zeroblob
	date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp
	avg count group_concat string_agg sum total
	row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
	acos acosh asin asinh atan atan2 atanh ceil cos cosh degrees exp floor ln log log2 mod pi pow radians sin
	sinh sqrt tan tanh trunc
	json json_array json_extract json_insert json_object json_patch json_remove json_replace json_set
	json_group_array json_group_object
	jsonb jsonb_array jsonb_extract jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set
	jsonb_group_array jsonb_group_object
	json_array_length json_type json_valid json_quote json_each json_tree -> ->>
	match highlight bm25 snippet rtreecheck
	sqlite_rename_column sqlite_rename_table sqlite_rename_test sqlite_rename_quotefix sqlite_drop_column
	sqlite_drop_constraint sqlite_find_constraint sqlite_add_constraint sqlite_fail`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
