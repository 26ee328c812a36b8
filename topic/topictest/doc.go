// Package topictest holds package topic against its contract, with the embedded broker of the lab and with Apache Kafka
// itself. It has nothing but tests.
package topictest
