// Package streamtest holds the stream's adapter against its contract in verify, with the embedded broker of the lab
// and with Apache Kafka itself. It has nothing but tests.
package streamtest
