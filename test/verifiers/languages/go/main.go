package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
)

func main() {
	ctx := context.Background()
	verifier, err := newVerifier(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if claims, err := verify(ctx, verifier, lines.Text()); err != nil {
			fmt.Printf("- %.40q\n", err.Error())
		} else {
			fmt.Println("+", claims.Email)
		}
	}
}
