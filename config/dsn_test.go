package config

import (
	"strings"
	"testing"
)

func TestConnectionStringsOfOtherSystemsAreKnown(t *testing.T) {
	for dsn, other := range map[string]bool{
		"mysql://root:pw@db/orders": true, "root:p=w/d@tcp(10.0.0.1:3306)/orders?parseTime=true": true, "root@/orders": true, "u:p@unix(/run/mysqld.sock)/o": true,
		"jdbc:mysql://db:3306/orders": true, "Server=db;Database=orders;Uid=root": true, "mongodb+srv://u@db/o": true, "mysql+pymysql://u@db/o": true,
		"hunter2": false, "jdbc:postgresql://db/orders": false, "db:5432/orders": false,
	} {
		_, err := Parse("config.yaml", []byte("legacy: {dsn: '"+dsn+"'}"), func(string) (string, bool) { return "", false })
		if got := err != nil && strings.Contains(err.Error(), "another database system"); got != other {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
